// Frames and stacks of a window are written once, and keep their numbers while the tables grow.
#include "core/perf/stack_table.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

using Frames = std::vector<uint32_t>;

TEST(FrameTable, EqualFramesGetOneNumber) {
  FrameTable table;
  const Frame frame{.kind = FrameKind::kNative, .mapping = 3, .address = 0x401000};
  EXPECT_EQ(table.Add(frame), table.Add(frame));
  EXPECT_EQ(table.frames().size(), 1U);
}

TEST(FrameTable, AReturnAddressIsAnotherFrameThanTheInstructionThere) {
  FrameTable table;
  const Frame leaf{.kind = FrameKind::kKernel, .address = 1};
  const Frame caller{.kind = FrameKind::kKernel, .return_address = true, .address = 1};
  const Frame elsewhere{.kind = FrameKind::kNative, .mapping = 1, .address = 1};
  EXPECT_NE(table.Add(leaf), table.Add(caller));
  EXPECT_EQ(table.Add(elsewhere), 2U);
}

TEST(StackTable, EqualStacksOfOneStateGetOneNumber) {
  StackTable table;
  EXPECT_EQ(table.Add(Frames{1, 2, 3}, StackState::kUnverified), 0U);
  EXPECT_EQ(table.Add(Frames{1, 2, 3}, StackState::kBroken), 1U);
  EXPECT_EQ(table.Add(Frames{1, 2}, StackState::kUnverified), 2U);
  EXPECT_EQ(table.Add(Frames{1, 2, 3}, StackState::kUnverified), 0U);
  EXPECT_EQ(table.offsets(), (Frames{0, 3, 6, 8}));
  EXPECT_EQ(table.frames(), (Frames{1, 2, 3, 1, 2, 3, 1, 2}));
}

TEST(StackTable, NumbersOutliveGrowth) {
  StackTable table;
  for (uint32_t round = 0; round < 2; round++) {
    for (uint32_t number = 0; number < 20'000; number++) {
      ASSERT_EQ(table.Add(Frames{number, number / 2}, StackState::kComplete), number);
    }
  }
}

TEST(FrameCache, MakesAFrameOncePerAddressOfASpace) {
  FrameCache cache;
  uint32_t made = 0;
  for (uint32_t round = 0; round < 2; round++) {
    for (uint64_t address = 0; address < 20'000; address++) {
      for (const uint32_t space : {2U, 4U}) {
        const uint32_t frame = cache.Get(space, address * 16, [&] { return made++; });
        ASSERT_EQ(frame, address * 2 + (space == 4 ? 1 : 0));
      }
    }
  }
  EXPECT_EQ(made, 40'000U);
}

}  // namespace
}  // namespace sonde
