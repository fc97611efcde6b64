// Each kind of record says what the kernel wrote; a part of one is malformed, and nothing behind it is read.
#include "core/perf/record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "core/perf/event_attr.h"
#include "perf/record_bytes.h"

namespace sonde {
namespace {

using test::kKernelMarker;
using test::kUserMarker;

template <typename Body>
Body Parse(test::RecordBytes record) {
  const Record parsed = ParseRecord(record.Build());
  const Body* body = std::get_if<Body>(&parsed.body);
  EXPECT_NE(body, nullptr) << "parsed as alternative " << parsed.body.index();
  return body == nullptr ? Body{} : *body;
}

SampleLayouts Layouts(uint64_t id, SampleLayout layout) {
  SampleLayouts layouts;
  layouts.Set(id, layout);
  return layouts;
}

/// What a sample ends with where registers and stack are captured: `size` bytes asked for, `copied` of them there.
test::RecordBytes CapturedBytes(uint64_t abi, uint64_t size, uint64_t copied) {
  auto bytes = test::SampleBytes({.id = 9, .chain = {kUserMarker, 0x401000}});
  bytes.U64(abi);
  if (abi != PERF_SAMPLE_REGS_ABI_NONE) {
    for (uint64_t number = 0; number < kUserRegisterCount; number++) bytes.U64(1000 + number);
  }
  bytes.U64(size);
  if (size == 0) return bytes;
  for (uint64_t word = 0; word < size / 8; word++) bytes.U64(word);
  return bytes.U64(copied);
}

SampleRecord ParseCaptured(test::RecordBytes bytes) {
  const Record record = ParseRecord(bytes.Build(), Layouts(9, {.captured = true}));
  const auto* sample = std::get_if<SampleRecord>(&record.body);
  EXPECT_NE(sample, nullptr);
  if (sample == nullptr) return {};
  SampleRecord copy = *sample;
  copy.chain = {};
  EXPECT_EQ(copy.registers.empty() ? 1000 : copy.registers.front(), 1000U);
  copy.registers = std::span(static_cast<const uint64_t*>(nullptr), copy.registers.size());
  copy.stack = std::span(static_cast<const std::byte*>(nullptr), copy.stack.size());
  return copy;
}

TEST(Record, ACapturedStackIsAsLongAsWhatCouldBeCopied) {
  const SampleRecord whole = ParseCaptured(CapturedBytes(PERF_SAMPLE_REGS_ABI_64, 64, 64));
  EXPECT_EQ(whole.registers.size(), kUserRegisterCount);
  EXPECT_EQ(whole.stack.size(), 64U);
  EXPECT_TRUE(whole.stack_cut);
  const SampleRecord part = ParseCaptured(CapturedBytes(PERF_SAMPLE_REGS_ABI_64, 64, 24));
  EXPECT_EQ(part.stack.size(), 24U);
  EXPECT_FALSE(part.stack_cut) << "the stack itself ends there";
}

TEST(Record, AThreadOfTheKernelHasNeitherRegistersNorStack) {
  const SampleRecord sample = ParseCaptured(CapturedBytes(PERF_SAMPLE_REGS_ABI_NONE, 0, 0));
  EXPECT_TRUE(sample.registers.empty());
  EXPECT_TRUE(sample.stack.empty());
}

TEST(Record, ACapturedPartLongerThanItsRecordIsMalformed) {
  auto bytes = CapturedBytes(PERF_SAMPLE_REGS_ABI_64, 64, 64);
  const auto whole = bytes.Build();
  for (size_t length = 8 + 9 * 8; length < whole.size(); length += 8) {
    std::vector<uint64_t> part(length / 8);
    std::memcpy(part.data(), whole.data(), length);
    const auto size = static_cast<uint16_t>(length);
    std::memcpy(reinterpret_cast<std::byte*>(part.data()) + offsetof(perf_event_header, size),
                &size, sizeof(size));
    const Record record =
        ParseRecord(std::as_bytes(std::span(part)), Layouts(9, {.captured = true}));
    EXPECT_TRUE(std::holds_alternative<MalformedRecord>(record.body)) << length;
  }
}

TEST(Record, ASampleKeepsItsChainWithTheMarkersOfKernelAndUser) {
  const std::vector<uint64_t> chain = {kKernelMarker, 0xffffffff81000010, kUserMarker, 0x401000};
  auto bytes = test::SampleBytes({.id = 9,
                                  .ip = 0xffffffff81000010,
                                  .pid = 5,
                                  .tid = 6,
                                  .time = 77,
                                  .cpu = 3,
                                  .period = 10'101'010,
                                  .chain = chain});
  const Record record = ParseRecord(bytes.Build());
  const auto& sample = std::get<SampleRecord>(record.body);
  EXPECT_EQ(sample.id, 9U);
  EXPECT_EQ(sample.ip, 0xffffffff81000010);
  EXPECT_EQ(sample.pid, 5U);
  EXPECT_EQ(sample.tid, 6U);
  EXPECT_EQ(sample.time, 77U);
  EXPECT_EQ(sample.cpu, 3U);
  EXPECT_EQ(sample.period, 10'101'010U);
  EXPECT_TRUE(sample.user_mode);
  EXPECT_TRUE(std::ranges::equal(sample.chain, chain));
}

TEST(Record, ASampleOfAnEventWithAnImpliedPeriodDoesNotStateIt) {
  test::RecordBytes bytes(PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER);
  bytes.U64(9).U64(0x401000).U32(5).U32(6).U64(77).U32(3).U32(0);
  bytes.U64(2).U64(kUserMarker).U64(0x401000);
  const Record record = ParseRecord(bytes.Build(), Layouts(9, {.implied_period = 100}));
  const auto& sample = std::get<SampleRecord>(record.body);
  EXPECT_EQ(sample.period, 100U);
  EXPECT_EQ(sample.chain.size(), 2U);
}

TEST(Record, ASampleWithoutAChainIsASample) {
  EXPECT_TRUE(Parse<SampleRecord>(test::SampleBytes({.ip = 1})).chain.empty());
}

TEST(Record, AChainLongerThanItsRecordIsMalformed) {
  test::RecordBytes record(PERF_RECORD_SAMPLE);
  for (int word = 0; word < 6; word++) record.U64(1);
  // Times 8 it is 8: a product would not notice.
  record.U64((uint64_t{1} << 61) + 1).U64(0x401000);
  EXPECT_EQ(Parse<MalformedRecord>(record).type, uint32_t{PERF_RECORD_SAMPLE});
}

TEST(Record, TheTrailerSaysWhenAndWhere) {
  auto bytes = test::CommBytes("app", {.time = 123, .cpu = 7, .id = 42});
  const Record record = ParseRecord(bytes.Build());
  EXPECT_EQ(record.time, 123U);
  EXPECT_EQ(record.cpu, 7U);
  EXPECT_EQ(record.id, 42U);
}

TEST(Record, ACommSaysWhetherItIsAnExec) {
  auto renamed = test::CommBytes("worker", {.pid = 5, .tid = 6});
  const Record record = ParseRecord(renamed.Build());
  const auto& comm = std::get<CommRecord>(record.body);
  EXPECT_EQ(comm.pid, 5U);
  EXPECT_EQ(comm.tid, 6U);
  EXPECT_EQ(comm.comm, "worker");
  EXPECT_FALSE(comm.exec);
  EXPECT_TRUE(Parse<CommRecord>(test::CommBytes("app", {}, PERF_RECORD_MISC_COMM_EXEC)).exec);
}

TEST(Record, AMapping2NamesItsFileByDeviceAndInode) {
  auto bytes = test::Mmap2Bytes({.start = 0x7f0000, .length = 0x3000, .file_offset = 0x2000});
  const Record record = ParseRecord(bytes.Build());
  const auto& mapped = std::get<MmapRecord>(record.body);
  EXPECT_EQ(mapped.start, 0x7f0000U);
  EXPECT_EQ(mapped.length, 0x3000U);
  EXPECT_EQ(mapped.file_offset, 0x2000U);
  EXPECT_EQ(mapped.device, uint64_t{8} << 32 | 1);
  EXPECT_EQ(mapped.inode, 4711U);
  EXPECT_TRUE(mapped.build_id.empty());
  EXPECT_EQ(mapped.protection, 5U);
  EXPECT_EQ(mapped.flags, 2U);
  EXPECT_EQ(mapped.path, "/usr/bin/app");
}

TEST(Record, AMapping2NamesItsFileByBuildIdWhereTheKernelGivesOne) {
  auto bytes = test::Mmap2Bytes({.build_id = {0xde, 0xad, 0xbe, 0xef}});
  const Record record = ParseRecord(bytes.Build());
  const auto& mapped = std::get<MmapRecord>(record.body);
  const auto* id = reinterpret_cast<const uint8_t*>(mapped.build_id.data());
  EXPECT_EQ(std::vector<uint8_t>(id, id + mapped.build_id.size()),
            (std::vector<uint8_t>{0xde, 0xad, 0xbe, 0xef}));
  EXPECT_EQ(mapped.inode, 0U);
  EXPECT_EQ(mapped.path, "/usr/bin/app");
}

TEST(Record, ABuildIdLongerThanItsPlaceIsMalformed) {
  EXPECT_EQ(
      Parse<MalformedRecord>(test::Mmap2Bytes({.build_id = std::vector<uint8_t>(21, 1)})).type,
      uint32_t{PERF_RECORD_MMAP2});
}

TEST(Record, AMappingOverTheEndOfTheAddressesIsMalformed) {
  Parse<MalformedRecord>(test::Mmap2Bytes({.start = UINT64_MAX - 4095, .length = 0x2000}));
}

TEST(Record, AMappingOfTheOldKindHasNoFileIdentity) {
  test::RecordBytes bytes(PERF_RECORD_MMAP);
  bytes.U32(5).U32(6).U64(0x1000).U64(0x2000).U64(0x3000).Text("/lib/a.so");
  bytes.Trailer(5, 1000, 0, 1);
  const Record record = ParseRecord(bytes.Build());
  const auto& mapped = std::get<MmapRecord>(record.body);
  EXPECT_EQ(mapped.pid, 5U);
  EXPECT_EQ(mapped.start, 0x1000U);
  EXPECT_EQ(mapped.length, 0x2000U);
  EXPECT_EQ(mapped.file_offset, 0x3000U);
  EXPECT_EQ(mapped.path, "/lib/a.so");
}

TEST(Record, ForkAndExitNameTheTaskAndItsParent) {
  for (const uint32_t type : {PERF_RECORD_FORK, PERF_RECORD_EXIT}) {
    const auto task = Parse<TaskRecord>(test::TaskBytes(type, 1, 2, {.pid = 5, .tid = 6}));
    EXPECT_EQ(task.exit, type == PERF_RECORD_EXIT);
    EXPECT_EQ(task.pid, 5U);
    EXPECT_EQ(task.tid, 6U);
    EXPECT_EQ(task.parent_pid, 1U);
    EXPECT_EQ(task.parent_tid, 2U);
  }
}

TEST(Record, LossesSayHowMany) {
  const auto lost = Parse<LostRecord>(test::LostBytes(9, 1234));
  EXPECT_EQ(lost.id, 9U);
  EXPECT_EQ(lost.count, 1234U);
  EXPECT_EQ(Parse<LostSamplesRecord>(test::LostSamplesBytes(55)).count, 55U);
}

TEST(Record, ThrottlingNamesItsEvent) {
  const auto throttled = Parse<ThrottleRecord>(test::ThrottleBytes(PERF_RECORD_THROTTLE, 9));
  EXPECT_EQ(throttled.id, 9U);
  EXPECT_TRUE(throttled.throttled);
  EXPECT_FALSE(Parse<ThrottleRecord>(test::ThrottleBytes(PERF_RECORD_UNTHROTTLE, 9)).throttled);
}

TEST(Record, CodeOfTheKernelIsMadeAndTakenBack) {
  const auto made = Parse<KernelSymbolRecord>(test::KernelSymbolBytes(
      {.start = 0xffffffffc0002000, .length = 35, .type = 1, .name = "bpf_prog_1_x"}));
  EXPECT_EQ(made.start, 0xffffffffc0002000U);
  EXPECT_EQ(made.length, 35U);
  EXPECT_EQ(made.type, PERF_RECORD_KSYMBOL_TYPE_BPF);
  EXPECT_FALSE(made.gone);
  EXPECT_TRUE(Parse<KernelSymbolRecord>(test::KernelSymbolBytes({.gone = true})).gone);
}

TEST(Record, ASampleTellsItsCgroupBehindWhatWasCaptured) {
  auto bytes = CapturedBytes(PERF_SAMPLE_REGS_ABI_64, 64, 64);
  bytes.U64(4711);
  const Record record = ParseRecord(bytes.Build(), Layouts(9, {.captured = true, .cgroup = true}));
  const auto* sample = std::get_if<SampleRecord>(&record.body);
  ASSERT_NE(sample, nullptr);
  EXPECT_EQ(sample->cgroup, 4711U);
  auto without = test::SampleBytes({.id = 9, .chain = {kUserMarker, 0x401000}});
  const Record cut = ParseRecord(without.Build(), Layouts(9, {.cgroup = true}));
  EXPECT_TRUE(std::holds_alternative<MalformedRecord>(cut.body));
}

TEST(Record, ACgroupThatIsMadeHasAnIdAndAPath) {
  test::RecordBytes bytes(PERF_RECORD_CGROUP);
  bytes.U64(4711).Text("/kubepods/pod1").Trailer(1, 2, 3, 4);
  const auto cgroup = Parse<CgroupRecord>(bytes);
  EXPECT_EQ(cgroup.cgroup, 4711U);
  test::RecordBytes again(PERF_RECORD_CGROUP);
  again.U64(4711).Text("/kubepods/pod1").Trailer(1, 2, 3, 4);
  const Record record = ParseRecord(again.Build());
  EXPECT_EQ(std::get<CgroupRecord>(record.body).path, "/kubepods/pod1");
}

TEST(Record, AKindThatIsNotNeededIsNoFault) {
  test::RecordBytes record(PERF_RECORD_SWITCH);
  Parse<OtherRecord>(record.Trailer(1, 1, 1, 1));
}

// --- parts of records ----------------------------------------------------------------------------

std::vector<test::RecordBytes> OneOfEachKind() {
  test::RecordBytes old_mapping(PERF_RECORD_MMAP);
  old_mapping.U32(5).U32(6).U64(0x1000).U64(0x2000).U64(0x3000).Text("/usr/lib/libold.so.1");
  old_mapping.Trailer(5, 1000, 0, 1);
  return {test::SampleBytes({.chain = {kKernelMarker, 1, 2, kUserMarker, 3, 4, 5}}),
          test::CommBytes("fourteen chars"),
          old_mapping,
          test::Mmap2Bytes({.path = "/usr/lib/libc.so.6"}),
          test::Mmap2Bytes({.path = "/usr/lib/libc.so.6", .build_id = {1, 2, 3}}),
          test::TaskBytes(PERF_RECORD_FORK, 1, 1),
          test::TaskBytes(PERF_RECORD_EXIT, 1, 1),
          test::LostBytes(1, 1),
          test::LostSamplesBytes(1),
          test::ThrottleBytes(PERF_RECORD_THROTTLE, 1),
          test::KernelSymbolBytes({.start = 1, .length = 2, .name = "a"}),
          test::ThrottleBytes(PERF_RECORD_UNTHROTTLE, 1)};
}

/// Parses the first `length` bytes from memory that ends there, so that AddressSanitizer sees any step behind them.
bool PartIsMalformed(std::span<const std::byte> whole, size_t length, uint16_t stated_size) {
  const auto part = std::make_unique_for_overwrite<std::byte[]>(length);
  std::copy_n(whole.begin(), length, part.get());
  if (length >= sizeof(perf_event_header)) {
    std::memcpy(part.get() + offsetof(perf_event_header, size), &stated_size, sizeof(stated_size));
  }
  return std::holds_alternative<MalformedRecord>(ParseRecord({part.get(), length}).body);
}

TEST(Record, ARecordThatIsCutOffIsMalformed) {
  for (auto& record : OneOfEachKind()) {
    const auto whole = record.Build();
    for (size_t length = 0; length < whole.size(); length++) {
      EXPECT_TRUE(PartIsMalformed(whole, length, static_cast<uint16_t>(whole.size())))
          << "kind " << static_cast<int>(whole[0]) << ", " << length << " of " << whole.size();
    }
  }
}

TEST(Record, ARecordTooShortForItsKindIsMalformed) {
  for (auto& record : OneOfEachKind()) {
    const auto whole = record.Build();
    // The ring lets no other sizes through.
    for (size_t length = 8; length < whole.size(); length += 8) {
      EXPECT_TRUE(PartIsMalformed(whole, length, static_cast<uint16_t>(length)))
          << "kind " << static_cast<int>(whole[0]) << ", " << length << " of " << whole.size();
    }
  }
}

}  // namespace
}  // namespace sonde
