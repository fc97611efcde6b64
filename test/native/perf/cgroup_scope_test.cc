// Which cgroups get events of their own.
#include "core/perf/cgroup_scope.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cgroup/directories.h"

namespace sonde {
namespace {

FilterRule Rule(FilterAction action, MatchKind kind, std::string text = {}, uint64_t value = 0) {
  return {.kind = kind, .action = action, .value = value, .text = std::move(text)};
}

FilterRule Include(std::string path, uint64_t id = 0) {
  return Rule(FilterAction::kInclude, MatchKind::kCgroup, std::move(path), id);
}

TEST(CgroupScope, OnlyCgroupsThatAreIncludedMakeOne) {
  const FilterRule cgroup = Include("/a");
  const FilterRule thread = Rule(FilterAction::kInclude, MatchKind::kComm, "x");
  const FilterRule without = Rule(FilterAction::kExclude, MatchKind::kComm, "x");
  EXPECT_TRUE(IncludesCgroupsOnly({{cgroup}}));
  EXPECT_TRUE(IncludesCgroupsOnly({{without, cgroup}}));
  EXPECT_FALSE(IncludesCgroupsOnly({{cgroup, thread}}));
  EXPECT_FALSE(IncludesCgroupsOnly({{without}}));
  EXPECT_FALSE(IncludesCgroupsOnly({}));
  EXPECT_EQ(WithoutIncludes({{without, cgroup}}), (SampleFilter{{without}}));
}

TEST(CgroupScope, OfCgroupsThatLieInEachOtherTheOutermostIsTaken) {
  const test::TemporaryDirectory mount;
  mount.Make("/a/b/c");
  mount.Make("/a-b");
  CgroupTree tree({.mount = mount.path()});
  const CgroupScope scope = ScopeOf(
      {{Include("/a/b"), Include("/a"), Include("a/b/c/"), Include("/a-b"), Include("/a")}}, tree);
  std::vector<uint64_t> expected = {mount.Inode("/a"), mount.Inode("/a-b")};
  std::ranges::sort(expected);
  EXPECT_EQ(IdsOf(scope.cgroups), expected);
  EXPECT_FALSE(scope.everything);
  EXPECT_TRUE(scope.missing.empty());
}

TEST(CgroupScope, TheRootIsEverything) {
  const test::TemporaryDirectory mount;
  mount.Make("/a");
  CgroupTree tree({.mount = mount.path()});
  EXPECT_TRUE(ScopeOf({{Include("/a"), Include("/")}}, tree).everything);
}

TEST(CgroupScope, WhatIsNotThereIsMissing) {
  const test::TemporaryDirectory mount;
  mount.Make("/a");
  mount.Make("/b");
  CgroupTree tree({.mount = mount.path()});
  tree.Walk();
  const uint64_t gone = mount.Inode("/b");
  const SampleFilter filter{{Include("/a"), Include("/x"), Include("", gone), Include("", 7)}};
  EXPECT_EQ(ScopeOf(filter, tree).missing, (std::vector<std::string>{"/x", "7"}));
  mount.Remove("/b");
  EXPECT_EQ(ScopeOf(filter, tree).missing,
            (std::vector<std::string>{"/x", std::to_string(gone), "7"}));
}

}  // namespace
}  // namespace sonde
