// Equal call chains of a process are kept once, within the memory allowed.
#include "core/perf/stack_interner.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sonde {
namespace {

using Chain = std::vector<uint64_t>;

constexpr size_t kPlenty = 64 << 20;

TEST(StackInterner, EqualStacksGetOneNumber) {
  StackInterner stacks(kPlenty, 7);
  const auto first = stacks.Intern(1, Chain{10, 20, 30});
  const auto second = stacks.Intern(1, Chain{10, 20, 30});
  ASSERT_TRUE(first);
  EXPECT_EQ(first, second);
  EXPECT_EQ(stacks.size(), 1U);
  EXPECT_EQ(stacks.words(), 3U);
}

TEST(StackInterner, StacksThatDifferAnywhereAreDifferent) {
  StackInterner stacks(kPlenty, 7);
  const Chain chain = {10, 20, 30};
  stacks.Intern(1, chain);
  stacks.Intern(1, Chain{10, 20});
  stacks.Intern(1, Chain{10, 20, 30, 30});
  stacks.Intern(1, Chain{20, 10, 30});
  stacks.Intern(1, Chain{10, 20, 31});
  stacks.Intern(1, Chain{});
  EXPECT_EQ(stacks.size(), 6U);
}

TEST(StackInterner, TheSameAddressesOfTwoProcessesAreTwoStacks) {
  StackInterner stacks(kPlenty, 7);
  EXPECT_EQ(stacks.Intern(1, Chain{10, 20}), 0U);
  EXPECT_EQ(stacks.Intern(2, Chain{10, 20}), 1U);
  EXPECT_EQ(stacks.at(0).pid, 1U);
  EXPECT_EQ(stacks.at(1).pid, 2U);
}

TEST(StackInterner, NumbersAndChainsOutliveGrowth) {
  StackInterner stacks(kPlenty, 7);
  constexpr uint32_t kMany = 50'000;
  const auto chain = [](uint32_t number) { return Chain{number, number * 3, 0x400000}; };
  for (uint32_t number = 0; number < kMany; number++) {
    ASSERT_EQ(stacks.Intern(number % 5, chain(number)), number);
  }
  for (uint32_t number = 0; number < kMany; number++) {
    ASSERT_EQ(stacks.Intern(number % 5, chain(number)), number);
    ASSERT_TRUE(std::ranges::equal(stacks.at(number).chain(), chain(number)));
  }
  EXPECT_EQ(stacks.size(), kMany);
}

TEST(StackInterner, AFullTableRefusesNewStacksAndStillKnowsTheOldOnes) {
  StackInterner stacks(1000, 7);
  uint64_t next = 0;
  while (stacks.Intern(1, Chain{next, next})) next++;
  EXPECT_GT(next, 0U);
  EXPECT_LE(next, 1000U / 16);
  EXPECT_EQ(stacks.Intern(1, Chain{0, 0}), 0U);
  EXPECT_FALSE(stacks.Intern(1, Chain{next + 1, next + 1}));
  EXPECT_EQ(stacks.size(), next);
}

TEST(StackInterner, AChainThatNoRecordCouldHoldIsRefused) {
  StackInterner stacks(kPlenty, 7);
  EXPECT_FALSE(stacks.Intern(1, Chain(32 * 1024 + 1)));
  EXPECT_TRUE(stacks.Intern(1, Chain(32 * 1024)));
}

}  // namespace
}  // namespace sonde
