#include "core/perf/group_counts.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

TEST(GroupCounts, AreWhatAnEventCountedSinceItWasAsked) {
  GroupCounts counts;
  EXPECT_EQ(counts.Since(1, 0, 10), 10U);
  EXPECT_EQ(counts.Since(1, 0, 25), 15U);
  EXPECT_EQ(counts.Since(2, 0, 7), 7U);
  EXPECT_EQ(counts.Since(1, 0, 25), 0U);
}

TEST(GroupCounts, AThreadCountsForItself) {
  GroupCounts counts;
  EXPECT_EQ(counts.Since(1, 100, 10), 10U);
  EXPECT_EQ(counts.Since(1, 101, 4), 4U);
  EXPECT_EQ(counts.Since(1, 100, 12), 2U);
}

TEST(GroupCounts, AThreadIsForgottenAWindowAfterItsEnd) {
  GroupCounts counts;
  counts.Since(1, 100, 10);
  counts.OnExit(100);
  counts.EndWindow();
  EXPECT_EQ(counts.Since(1, 100, 12), 2U) << "its last sample may have been in another CPU's ring";
  counts.EndWindow();
  EXPECT_EQ(counts.Since(1, 100, 30), 30U) << "another thread of the same number";
}

TEST(GroupCounts, ALowerCountIsAnotherThreads) {
  GroupCounts counts;
  counts.Since(1, 100, 10);
  EXPECT_EQ(counts.Since(1, 100, 3), 3U);
}

}  // namespace
}  // namespace sonde
