// The records of native/bpf/sampler.bpf.c become the samples that a perf ring would have given.
#include "core/bpf/captured_sample.h"

#include <gtest/gtest.h>
#include <linux/perf_event.h>

#include "bpf/include/sampler_abi.h"
#include "core/perf/event_attr.h"

namespace sonde {
namespace {

/// A record as the program writes it.
class CapturedBytes {
 public:
  explicit CapturedBytes(sonde_sample head) { Append(&head, sizeof(head)); }
  CapturedBytes& Words(std::initializer_list<uint64_t> words) {
    for (const uint64_t word : words) Append(&word, sizeof(word));
    return *this;
  }
  std::span<const std::byte> bytes() const {
    return {reinterpret_cast<const std::byte*>(words_.data()), words_.size() * sizeof(uint64_t)};
  }

 private:
  void Append(const void* from, size_t bytes) {
    const size_t before = words_.size();
    words_.resize(before + bytes / sizeof(uint64_t));
    std::memcpy(&words_[before], from, bytes);
  }

  std::vector<uint64_t> words_;
};

sonde_sample Head(uint16_t flags) {
  return {.time = 5,
          .value = 10'101'010,
          .ip = 0xffff,
          .cgroup = 77,
          .start_time = 1234,
          .pid = 20,
          .tid = 21,
          .cpu = 1,
          .stack_bytes = 0,
          .session = 3,
          .flags = flags,
          .kernel_frames = 0,
          .user_frames = 0,
          .comm = "work"};
}

TEST(CapturedSample, SaysWhoseItIs) {
  const CapturedBytes record(Head(SONDE_SAMPLE_USER_MODE));
  CapturedSampleReader reader;
  const auto sample = reader.Read(record.bytes());
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->session, 3u);
  EXPECT_EQ(sample->start_time, 1234u);
  EXPECT_EQ(sample->record.pid, 20u);
  EXPECT_EQ(sample->record.tid, 21u);
  EXPECT_EQ(sample->record.cpu, 1u);
  EXPECT_EQ(sample->record.cgroup, 77u);
  EXPECT_EQ(sample->record.period, 10'101'010u);
  EXPECT_TRUE(sample->record.user_mode);
  EXPECT_EQ(sample->record.registers_abi, uint64_t{PERF_SAMPLE_REGS_ABI_NONE});
}

TEST(CapturedSample, MarksChainsAsTheKernelDoes) {
  sonde_sample head = Head(0);
  head.kernel_frames = 2;
  head.user_frames = 1;
  CapturedSampleReader reader;
  const auto sample = reader.Read(CapturedBytes(head).Words({101, 102, 7}).bytes());
  ASSERT_TRUE(sample);
  const std::vector<uint64_t> expected = {static_cast<uint64_t>(PERF_CONTEXT_KERNEL), 101, 102,
                                          static_cast<uint64_t>(PERF_CONTEXT_USER), 7};
  EXPECT_TRUE(std::ranges::equal(sample->record.chain, expected));
}

TEST(CapturedSample, HasRegistersChainAndStackInTheirOrder) {
  sonde_sample head = Head(SONDE_SAMPLE_REGISTERS | SONDE_SAMPLE_STACK_CUT);
  head.user_frames = 1;
  head.stack_bytes = 16;
  CapturedBytes record(head);
  for (uint64_t number = 0; number < kUserRegisterCount; number++) record.Words({number});
  record.Words({9'000, 0xaa, 0xbb});
  CapturedSampleReader reader;
  const auto sample = reader.Read(record.bytes());
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->record.registers_abi, uint64_t{PERF_SAMPLE_REGS_ABI_64});
  ASSERT_EQ(sample->record.registers.size(), kUserRegisterCount);
  EXPECT_EQ(sample->record.registers.back(), kUserRegisterCount - 1);
  EXPECT_EQ(sample->record.chain.back(), 9'000u);
  ASSERT_EQ(sample->record.stack.size(), 16u);
  EXPECT_EQ(sample->record.stack[8], std::byte{0xbb});
  EXPECT_TRUE(sample->record.stack_cut);
}

TEST(CapturedSample, OfCompatCodeHasNoRegistersToUnwindBy) {
  CapturedSampleReader reader;
  const auto sample = reader.Read(CapturedBytes(Head(SONDE_SAMPLE_COMPAT)).bytes());
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->record.registers_abi, uint64_t{PERF_SAMPLE_REGS_ABI_32});
}

TEST(CapturedSample, ThatPromisesMoreThanThereIsIsNone) {
  sonde_sample head = Head(SONDE_SAMPLE_REGISTERS);
  head.stack_bytes = 8;
  CapturedBytes record(head);
  for (uint64_t number = 0; number < kUserRegisterCount; number++) record.Words({number});
  CapturedSampleReader reader;
  EXPECT_FALSE(reader.Read(record.bytes()));
  EXPECT_FALSE(reader.Read(record.bytes().first(sizeof(head) - 8)));
  EXPECT_FALSE(reader.Read({}));
}

}  // namespace
}  // namespace sonde
