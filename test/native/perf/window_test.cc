// A window takes what it has room for, and counts the rest by reason.
#include "core/perf/window.h"

#include <gtest/gtest.h>

#include "perf/record_bytes.h"

namespace sonde {
namespace {

uint64_t TableFull(const Window& window, uint32_t session) {
  return window.losses()[session][static_cast<size_t>(LossReason::kTableFull)];
}

SampleRecord Sample(std::span<const uint64_t> chain) { return {.ip = 1, .pid = 5, .chain = chain}; }

TEST(Window, SamplesBeyondTheBoundAreCountedForTheirSession) {
  Window window({.max_samples = 3, .max_stack_bytes = 1 << 20}, 1, 2, 7);
  const uint64_t chain[] = {test::kUserMarker, 0x1000};
  for (int sample = 0; sample < 3; sample++) EXPECT_TRUE(window.AddSample(0, 0, Sample(chain)));
  EXPECT_FALSE(window.AddSample(0, 1, Sample(chain)));
  EXPECT_FALSE(window.AddSample(0, 1, Sample(chain)));
  EXPECT_EQ(window.samples()[0].size(), 3U);
  EXPECT_EQ(TableFull(window, 0), 0U);
  EXPECT_EQ(TableFull(window, 1), 2U);
}

TEST(Window, StacksBeyondTheBoundAreCountedAndKnownOnesGoOn) {
  Window window({.max_samples = 1000, .max_stack_bytes = 200}, 1, 1, 7);
  uint64_t taken = 0;
  for (uint64_t address = 0x1000; address < 0x1064; address++) {
    const uint64_t chain[] = {test::kUserMarker, address};
    taken += window.AddSample(0, 0, Sample(chain)) ? 1 : 0;
  }
  EXPECT_GT(taken, 0U);
  EXPECT_EQ(TableFull(window, 0), 100 - taken);
  const uint64_t known[] = {test::kUserMarker, 0x1000};
  EXPECT_TRUE(window.AddSample(0, 0, Sample(known)));
}

TEST(Window, ASampleWithoutAChainHasItsInstructionForAStack) {
  Window window({.max_samples = 10, .max_stack_bytes = 1 << 20}, 1, 1, 7);
  window.AddSample(0, 0, {.ip = 0x401000, .user_mode = true});
  const uint64_t only_a_marker[] = {test::kKernelMarker};
  window.AddSample(0, 0, {.ip = 0xffffffff81000000, .chain = only_a_marker});
  ASSERT_EQ(window.stacks().size(), 2U);
  EXPECT_EQ(window.stacks().at(0).chain()[0], test::kUserMarker);
  EXPECT_EQ(window.stacks().at(0).chain()[1], 0x401000U);
  EXPECT_EQ(window.stacks().at(1).chain()[0], test::kKernelMarker);
  EXPECT_EQ(window.stacks().at(1).chain()[1], 0xffffffff81000000U);
}

TEST(Window, AProcessThatMapsWithoutEndFillsNoMemoryWithoutEnd) {
  Window window({}, 1, 1, 7);
  const std::string long_path(1 << 20, 'x');
  for (int record = 0; record < 70; record++) {
    window.AddRecord({.kind = ProcessEventKind::kMmap, .text = long_path});
  }
  EXPECT_LE(window.records().size(), 64U);
  EXPECT_EQ(window.dropped_records(), 70 - window.records().size());
}

}  // namespace
}  // namespace sonde
