#include "core/bpf/tree_rules.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace sonde {
namespace {

std::vector<uint64_t> TreesOf(const SampleFilter& filter) {
  std::vector<uint64_t> pids;
  for (const FilterRule& rule : filter.rules) {
    if (rule.kind == MatchKind::kTree) pids.push_back(rule.value);
  }
  std::ranges::sort(pids);
  return pids;
}

FilterRule Excluded(uint64_t root) {
  return {.kind = MatchKind::kTree, .action = FilterAction::kExclude, .value = root};
}

using Pids = std::vector<uint64_t>;
const std::vector<ProcessTraits> kLiving = {{.pid = 1, .parent = 0},   {.pid = 10, .parent = 1},
                                            {.pid = 11, .parent = 10}, {.pid = 12, .parent = 11},
                                            {.pid = 13, .parent = 11}, {.pid = 20, .parent = 1}};

TEST(TreeRules, HoldForEveryDescendantThatLives) {
  TreeRules rules;
  const SampleFilter spread =
      rules.Spread({{Excluded(10), {.kind = MatchKind::kPid, .value = 20}}}, kLiving, 100);
  EXPECT_EQ(TreesOf(spread), (Pids{10, 11, 12, 13}));
  EXPECT_EQ(spread.rules.size(), 5u);
}

TEST(TreeRules, OfAProcessThatDoesNotLiveHoldForNobody) {
  TreeRules rules;
  EXPECT_EQ(TreesOf(rules.Spread({{Excluded(99)}}, kLiving, 100)), Pids{});
  // Whoever gets the number later is another one.
  EXPECT_TRUE(rules.OnFork(1, 99).empty());
}

TEST(TreeRules, HoldForWhomAMemberForks) {
  TreeRules rules;
  (void)rules.Spread({{Excluded(10)}}, kLiving, 100);
  const auto forked = rules.OnFork(12, 30);
  ASSERT_EQ(forked.size(), 1u);
  EXPECT_EQ(forked[0].value, 30u);
  EXPECT_EQ(forked[0].action, FilterAction::kExclude);
  EXPECT_TRUE(rules.OnFork(20, 31).empty());
}

TEST(TreeRules, StillHoldForAnOrphanWhenAnotherFilterIsSet) {
  TreeRules rules;
  (void)rules.Spread({{Excluded(10)}}, kLiving, 100);
  EXPECT_TRUE(rules.OnExit(11));
  EXPECT_FALSE(rules.OnExit(20));
  const std::vector<ProcessTraits> later = {
      {.pid = 1, .parent = 0}, {.pid = 10, .parent = 1}, {.pid = 12, .parent = 1}};
  const SampleFilter spread =
      rules.Spread({{Excluded(10), {.kind = MatchKind::kPid, .value = 7}}}, later, 100);
  EXPECT_EQ(TreesOf(spread), (Pids{10, 12}));
}

TEST(TreeRules, AreNoMoreThanMayBe) {
  TreeRules rules;
  EXPECT_EQ(rules.Spread({{Excluded(1)}}, kLiving, 3).rules.size(), 3u);
}

}  // namespace
}  // namespace sonde
