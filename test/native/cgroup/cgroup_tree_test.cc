// Which path a cgroup had, also when it is gone, and which cgroup is at a path, also when it is another one now.
#include "core/cgroup/cgroup_tree.h"

#include <gtest/gtest.h>

#include "cgroup/directories.h"

namespace sonde {
namespace {

using Paths = CgroupPaths;

class CgroupTreeTest : public testing::Test {
 protected:
  CgroupTreeTest() {
    directory_.Make("/a/b");
    directory_.Make("/ab");
  }

  CgroupTree Tree(std::string root = "/") const {
    return CgroupTree({.mount = directory_.path(), .root = std::move(root)});
  }

  test::TemporaryDirectory directory_;
};

TEST_F(CgroupTreeTest, APathAndAnIdNameTheSameCgroup) {
  CgroupTree tree = Tree();
  const auto id = tree.IdOf("/a/b");
  ASSERT_TRUE(id);
  EXPECT_EQ(*id, directory_.Inode("/a/b"));
  EXPECT_EQ(tree.PathOf(*id), "/a/b");
  EXPECT_EQ(tree.IdOf("a//b/"), id) << "however it is written";
  EXPECT_EQ(tree.IdOf("/"), directory_.Inode("/"));
  EXPECT_EQ(tree.IdOf("/a/c"), std::nullopt);
  EXPECT_EQ(tree.PathOf(directory_.Inode("/ab")), std::nullopt) << "nobody has looked";
}

TEST_F(CgroupTreeTest, APathThatLeadsOutOfTheHierarchyIsNone) {
  CgroupTree tree = Tree();
  EXPECT_EQ(tree.IdOf("/.."), std::nullopt);
  EXPECT_EQ(tree.IdOf("/a/../../etc"), std::nullopt);
  EXPECT_EQ(tree.IdOfPrinted("/../a"), std::nullopt);
}

TEST_F(CgroupTreeTest, AnIdThatIsNotKnownIsLookedForInTheWholeTreeOnceInAWindow) {
  CgroupTree tree = Tree();
  const uint64_t inner = directory_.Inode("/a/b");
  EXPECT_EQ(tree.PathsOf({inner}), (Paths{{inner, "/a/b"}}));
  directory_.Make("/late");
  const uint64_t late = directory_.Inode("/late");
  EXPECT_TRUE(tree.PathsOf({late}).empty()) << "the tree has been read for this window";
  tree.EndWindow();
  EXPECT_EQ(tree.PathsOf({late, inner}), (Paths{{late, "/late"}, {inner, "/a/b"}}));
}

TEST_F(CgroupTreeTest, ACgroupThatIsGoneKeepsItsPathToTheEndOfTheNextWindow) {
  CgroupTree tree = Tree();
  const uint64_t gone = directory_.Inode("/a/b");
  tree.Walk();
  directory_.Remove("/a/b");
  tree.Walk();
  EXPECT_EQ(tree.PathOf(gone), "/a/b");
  tree.EndWindow();
  EXPECT_EQ(tree.PathOf(gone), "/a/b") << "its last samples may come in the next window";
  tree.EndWindow();
  EXPECT_EQ(tree.PathOf(gone), std::nullopt);
}

TEST_F(CgroupTreeTest, WhatTheKernelToldIsKnownAlthoughItIsGoneBeforeAnybodyLooks) {
  CgroupTree tree = Tree();
  tree.Learn(uint64_t{1} << 40, "/short/lived");
  EXPECT_EQ(tree.PathsOf({uint64_t{1} << 40}), (Paths{{uint64_t{1} << 40, "/short/lived"}}));
}

TEST_F(CgroupTreeTest, ACgroupIsWithinThoseThatItsPathGoesThrough) {
  CgroupTree tree = Tree();
  constexpr uint64_t kA = 1000;
  constexpr uint64_t kB = 1001;
  constexpr uint64_t kAb = 1002;
  tree.Learn(kA, "/a");
  tree.Learn(kB, "/a/b");
  tree.Learn(kAb, "/ab");
  EXPECT_TRUE(tree.IsWithin(kA, kA));
  EXPECT_TRUE(tree.IsWithin(kB, kA));
  EXPECT_TRUE(tree.IsWithin(kB, "/a"));
  EXPECT_TRUE(tree.IsWithin(kB, "/"));
  EXPECT_FALSE(tree.IsWithin(kA, kB));
  EXPECT_FALSE(tree.IsWithin(kAb, "/a")) << "its name only begins like it";
  EXPECT_FALSE(tree.IsWithin(kAb, kA));
  EXPECT_FALSE(tree.IsWithin(0, "/"));
}

TEST_F(CgroupTreeTest, WhatIsMadeInTheSamePlaceIsAnotherCgroup) {
  CgroupTree tree = Tree();
  constexpr uint64_t kOld = 1000;
  constexpr uint64_t kNew = 2000;
  tree.Learn(kOld, "/job");
  tree.Learn(kOld + 1, "/job/step");
  tree.Learn(kNew, "/job");
  tree.Learn(kNew + 1, "/job/step");
  EXPECT_EQ(tree.PathsOf({kOld, kNew}), (Paths{{kOld, "/job"}, {kNew, "/job"}}));
  EXPECT_TRUE(tree.IsWithin(kOld + 1, kOld));
  EXPECT_TRUE(tree.IsWithin(kNew + 1, kNew));
  EXPECT_FALSE(tree.IsWithin(kNew + 1, kOld));
  EXPECT_FALSE(tree.IsWithin(kOld + 1, kNew));
}

TEST_F(CgroupTreeTest, OfTooManyCgroupsTheDeepestAreLeftOut) {
  directory_.Make("/a/b/c/d");
  CgroupTree shallow({.mount = directory_.path()}, {.depth = 2});
  shallow.Walk();
  EXPECT_EQ(shallow.PathOf(directory_.Inode("/a/b")), "/a/b");
  EXPECT_EQ(shallow.PathOf(directory_.Inode("/a/b/c")), std::nullopt);
  CgroupTree few({.mount = directory_.path()}, {.cgroups = 3});
  few.Walk();
  EXPECT_EQ(few.PathOf(directory_.Inode("/a")), "/a");
  EXPECT_EQ(few.PathOf(directory_.Inode("/ab")), "/ab");
  EXPECT_EQ(few.PathOf(directory_.Inode("/a/b")), std::nullopt);
  for (uint64_t id = 1; id < 100; id++) few.Learn(id << 32, "/" + std::to_string(id));
  EXPECT_EQ(few.PathOf(uint64_t{99} << 32), std::nullopt) << "what is told has a bound as well";
}

TEST_F(CgroupTreeTest, AMountedPartHasThePathsOfTheHierarchy) {
  CgroupTree part = Tree("/docker/x");
  const uint64_t inner = directory_.Inode("/a/b");
  EXPECT_EQ(part.IdOf("/docker/x/a/b"), inner);
  EXPECT_EQ(part.IdOf("/a/b"), std::nullopt);
  EXPECT_EQ(part.PathsOf({inner}), (Paths{{inner, "/docker/x/a/b"}}));
  EXPECT_EQ(part.PathsOf({directory_.Inode("/")}).begin()->second, "/docker/x");
}

TEST_F(CgroupTreeTest, FromACgroupNamespaceThePathsOfProcessesLeadUpToTheMount) {
  CgroupTree outside = Tree("/../..");
  const uint64_t inner = directory_.Inode("/a/b");
  EXPECT_EQ(outside.IdOfPrinted("/../../a/b"), inner);
  EXPECT_EQ(outside.PathOf(inner), "/a/b");
  EXPECT_EQ(outside.IdOfPrinted("/"), std::nullopt) << "the names of its own cgroup are hidden";
}

TEST_F(CgroupTreeTest, WithoutAMountNothingIsKnown) {
  CgroupTree none(CgroupHierarchy{});
  EXPECT_FALSE(none.exists());
  EXPECT_EQ(none.IdOf("/"), std::nullopt);
  EXPECT_TRUE(none.PathsOf({1}).empty());
}

TEST(RealCgroupTree, ACgroupMadeAnewHasAnotherIdAndBothKeepThePath) {
  test::RealCgroup cgroup("sonde-test-tree");
  if (!cgroup.exists()) GTEST_SKIP() << "no cgroup2 that this user may make cgroups in";
  CgroupTree tree({.mount = cgroup.mount()});
  const auto first = tree.IdOf(cgroup.path());
  cgroup.Remove();
  EXPECT_EQ(tree.IdOf(cgroup.path()), std::nullopt);
  cgroup.Make();
  const auto second = tree.IdOf(cgroup.path());
  ASSERT_TRUE(first && second);
  EXPECT_GT(*second, *first);
  EXPECT_EQ(tree.PathsOf({*first, *second}),
            (Paths{{*first, cgroup.path()}, {*second, cgroup.path()}}));
}

}  // namespace
}  // namespace sonde
