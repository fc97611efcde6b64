#include "core/perf_data/sample_records.h"

#include <gtest/gtest.h>
#include <linux/perf_event.h>

#include <cerrno>
#include <cstring>

#include "core/perf/section_buffer.h"

namespace sonde {
namespace {

/// A window of one stack, kernel over user, and two samples of session 7.
std::vector<std::byte> Window(const std::vector<uint64_t>* cgroups = nullptr) {
  const std::vector<uint32_t> offsets{0, 4}, frames{0, 1, 2, 3}, frame_mapping{0, 0, 0, 0};
  const std::vector<uint8_t> kinds{1, 0, 0, 3};  // kernel, native, native, reason
  const std::vector<uint64_t> addresses{0xffffffff81000010, 0x1000, 0x2000, 0};
  const std::vector<uint64_t> biases{0x400000};
  const std::vector<uint64_t> times{100, 200}, values{10, 20};
  const std::vector<uint32_t> pids{1, 2}, tids{3, 4}, cpus{0, 1}, stacks{0, 0};
  SectionBuffer buffer;
  buffer.Add(layout::kStackOffsets, layout::kShared, offsets);
  buffer.Add(layout::kStackFrames, layout::kShared, frames);
  buffer.Add(layout::kFrameKind, layout::kShared, kinds);
  buffer.Add(layout::kFrameMapping, layout::kShared, frame_mapping);
  buffer.Add(layout::kFrameAddress, layout::kShared, addresses);
  buffer.Add(layout::kMappingBias, layout::kShared, biases);
  buffer.Add(layout::kSampleTime, 7, times);
  buffer.Add(layout::kSamplePid, 7, pids);
  buffer.Add(layout::kSampleTid, 7, tids);
  buffer.Add(layout::kSampleCpu, 7, cpus);
  buffer.Add(layout::kSampleStack, 7, stacks);
  buffer.Add(layout::kSampleValue, 7, values);
  if (cgroups != nullptr) buffer.Add(layout::kSampleCgroup, 7, *cgroups);
  buffer.Make();
  return buffer.Take();
}

const SampleSession kSession{.session = 7, .event_id = 8};

std::vector<uint64_t> WordsOf(const std::vector<std::byte>& bytes) {
  std::vector<uint64_t> words(bytes.size() / 8);
  std::memcpy(words.data(), bytes.data(), words.size() * 8);
  return words;
}

TEST(SampleRecords, SayWhatTheWindowSays) {
  const auto records = SampleRecords(Window(), {&kSession, 1});
  ASSERT_TRUE(records.ok());
  const size_t size = kSampleFixedBytes + 5 * 8;
  const uint64_t header = PERF_RECORD_SAMPLE | uint64_t{PERF_RECORD_MISC_KERNEL} << 32 | size << 48;
  const auto of = [&](uint64_t pid_tid, uint64_t time, uint64_t cpu, uint64_t value) {
    return std::vector<uint64_t>{header,
                                 8,
                                 0xffffffff81000010,
                                 pid_tid,
                                 time,
                                 cpu,
                                 value,
                                 5,
                                 static_cast<uint64_t>(PERF_CONTEXT_KERNEL),
                                 0xffffffff81000010,
                                 static_cast<uint64_t>(PERF_CONTEXT_USER),
                                 0x401000,
                                 0x402000};
  };
  std::vector<uint64_t> expected = of(1 | 3ull << 32, 100, 0, 10);
  const std::vector<uint64_t> second = of(2 | 4ull << 32, 200, 1, 20);
  expected.insert(expected.end(), second.begin(), second.end());
  EXPECT_EQ(WordsOf(*records), expected);
}

TEST(SampleRecords, ATracepointHasWhatAllTracepointsHaveBetweenChainAndCgroup) {
  const SampleSession session{
      .session = 7, .event_id = 8, .tells_cgroups = true, .tracepoint = 314};
  const std::vector<uint64_t> cgroups{11, 12};
  const auto records = SampleRecords(Window(&cgroups), {&session, 1});
  ASSERT_TRUE(records.ok());
  const std::vector<uint64_t> words = WordsOf(*records);
  const size_t size = kSampleFixedBytes + 5 * 8 + kRawBytes + kCgroupBytes;
  ASSERT_EQ(words.size(), 2 * size / 8);
  EXPECT_EQ(words[0] >> 48, size);
  const size_t raw = (kSampleFixedBytes + 5 * 8) / 8;
  EXPECT_EQ(words[raw], 12 | 314ull << 32);
  EXPECT_EQ(words[raw + 1], 3U);
  EXPECT_EQ(words[raw + 2], 11U);
}

TEST(SampleRecords, TheCgroupStandsBehindTheChainAndIsNoneWhereTheWindowKnowsNone) {
  const SampleSession session{.session = 7, .event_id = 8, .tells_cgroups = true};
  const auto cgroupless = SampleRecords(Window(), {&session, 1});
  ASSERT_TRUE(cgroupless.ok());
  const size_t words = (kSampleFixedBytes + kCgroupBytes) / 8 + 5;
  ASSERT_EQ(WordsOf(*cgroupless).size(), 2 * words);
  EXPECT_EQ(WordsOf(*cgroupless)[0] >> 48, words * 8);
  EXPECT_EQ(WordsOf(*cgroupless)[words - 1], 0U);
  const std::vector<uint64_t> cgroups{11, 12};
  const auto told = SampleRecords(Window(&cgroups), {&session, 1});
  ASSERT_TRUE(told.ok());
  EXPECT_EQ(WordsOf(*told)[words - 1], 11U);
  EXPECT_EQ(WordsOf(*told)[2 * words - 1], 12U);
}

TEST(SampleRecords, ASessionThatTheWindowDoesNotHaveHasNone) {
  const SampleSession other{.session = 6, .event_id = 7};
  const auto records = SampleRecords(Window(), {&other, 1});
  ASSERT_TRUE(records.ok());
  EXPECT_TRUE(records->empty());
}

TEST(SampleRecords, WhatIsNoWindowIsRefused) {
  EXPECT_EQ(SampleRecords({}, {&kSession, 1}).error().code, EINVAL);
  std::vector<std::byte> other_version = Window();
  other_version[4] = std::byte{99};
  EXPECT_EQ(SampleRecords(other_version, {&kSession, 1}).error().code, EINVAL);
}

TEST(SampleRecords, AWindowThatIsCutOffIsReadAsFarAsItGoes) {
  const std::vector<std::byte> whole = Window();
  for (size_t size = 0; size < whole.size(); size++) {
    const std::vector<std::byte> cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    const auto records = SampleRecords(cut, {&kSession, 1});
    if (records.ok()) {
      EXPECT_EQ(records->size() % 8, 0u);
    }
  }
}

TEST(SampleRecords, NumbersThatPointNowhereAreLeftOut) {
  const std::vector<std::byte> whole = Window();
  // Every word of the elements in turn becomes a number that is too large for everything.
  for (size_t at = layout::kHeaderBytes + 12 * layout::kSectionBytes; at < whole.size(); at += 4) {
    std::vector<std::byte> forged = whole;
    std::memset(forged.data() + at, 0xff, 4);
    const auto records = SampleRecords(forged, {&kSession, 1});
    ASSERT_TRUE(records.ok());
    EXPECT_EQ(records->size() % 8, 0u);
  }
}

}  // namespace
}  // namespace sonde
