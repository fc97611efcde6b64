// Which cgroup a process is in, by /proc and by what the kernel reports of processes.
#include "core/cgroup/process_cgroups.h"

#include <gtest/gtest.h>

#include "cgroup/directories.h"

namespace sonde {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint32_t kPid = 100;
constexpr uint32_t kChild = 101;

class ProcessCgroupsTest : public testing::Test {
 protected:
  ProcessCgroupsTest()
      : tree_({.controller = "memory", .mount = directory_.path() + "/cgroup"}),
        processes_(tree_, directory_.path() + "/proc") {}

  /// Lets the directories be made before the tree opens them.
  struct Hierarchy : test::TemporaryDirectory {
    Hierarchy() {
      Make("/cgroup/a");
      Make("/cgroup/b");
    }
  };

  void Put(uint32_t pid, const std::string& path) const {
    directory_.Write("/proc/" + std::to_string(pid) + "/cgroup",
                     "5:devices:/x\n4:memory,pids:" + path + "\n0::/y\n");
  }
  void End(uint32_t pid) const { directory_.Remove("/proc/" + std::to_string(pid)); }
  uint64_t Id(const std::string& path) const { return directory_.Inode("/cgroup" + path); }

  const Hierarchy directory_;
  CgroupTree tree_;
  ProcessCgroups processes_;
};

TEST(PathInHierarchy, EachHierarchyHasALineOfItsOwn) {
  constexpr std::string_view kText =
      "12:name=systemd:/s\n11:cpu,cpuacct:/c:d\n4:memory:/m\n0::/unified\n";
  EXPECT_EQ(PathInHierarchy(kText, "memory"), "/m");
  EXPECT_EQ(PathInHierarchy(kText, "cpuacct"), "/c:d") << "names may have colons";
  EXPECT_EQ(PathInHierarchy(kText, "name=systemd"), "/s");
  EXPECT_EQ(PathInHierarchy(kText, ""), "/unified");
  EXPECT_EQ(PathInHierarchy(kText, "pids"), std::nullopt);
  EXPECT_EQ(PathInHierarchy("4:memory", "memory"), "") << "cut off";
}

TEST(SamplesTellCgroup, OfTheHierarchyThatHasPerfEvents) {
  const CgroupHierarchy unified{.mount = "/u"};
  const CgroupHierarchy memory{.controller = "memory", .mount = "/m"};
  const CgroupHierarchy perf{.controller = "perf_event", .mount = "/p"};
  EXPECT_TRUE(SamplesTellCgroup(unified, "4:memory:/\n0::/\n"));
  EXPECT_FALSE(SamplesTellCgroup(memory, "4:memory:/\n0::/\n"));
  EXPECT_FALSE(SamplesTellCgroup(unified, "5:perf_event:/\n4:memory:/\n0::/\n"));
  EXPECT_TRUE(SamplesTellCgroup(perf, "5:perf_event:/\n4:memory:/\n0::/\n"));
  EXPECT_TRUE(SamplesTellCgroup(memory, "5:memory,perf_event:/\n0::/\n"));
  EXPECT_FALSE(SamplesTellCgroup({}, "0::/\n")) << "nowhere mounted";
}

TEST_F(ProcessCgroupsTest, AProcessThatIsMovedIsInItsNewCgroupASecondLater) {
  Put(kPid, "/a");
  EXPECT_EQ(processes_.CgroupOf(kPid, 1 * kSecond), Id("/a"));
  Put(kPid, "/b");
  EXPECT_EQ(processes_.CgroupOf(kPid, 1 * kSecond + 1), Id("/a")) << "not read for each sample";
  EXPECT_EQ(processes_.CgroupOf(kPid, 2 * kSecond), Id("/b"));
}

TEST_F(ProcessCgroupsTest, AProcessThatIsGoneBeforeItCouldBeReadIsNowhere) {
  EXPECT_EQ(processes_.CgroupOf(kPid, kSecond), 0U);
  processes_.OnFork(kPid, kChild);
  EXPECT_EQ(processes_.CgroupOf(kChild, kSecond), 0U) << "nothing is known of its parent";
}

TEST_F(ProcessCgroupsTest, AChildThatIsGoneWasWhereItsParentWas) {
  Put(kPid, "/a");
  processes_.CgroupOf(kPid, kSecond);
  processes_.OnFork(kPid, kChild);
  EXPECT_EQ(processes_.CgroupOf(kChild, kSecond), Id("/a"));
}

TEST_F(ProcessCgroupsTest, AChildThatLivesIsAsked) {
  Put(kPid, "/a");
  processes_.CgroupOf(kPid, kSecond);
  processes_.OnFork(kPid, kChild);
  Put(kChild, "/b");
  EXPECT_EQ(processes_.CgroupOf(kChild, kSecond), Id("/b"));
}

TEST_F(ProcessCgroupsTest, AfterAnExecWhatWasInheritedIsNoLongerBelieved) {
  Put(kPid, "/a");
  processes_.CgroupOf(kPid, kSecond);
  processes_.OnFork(kPid, kChild);
  processes_.OnExec(kChild);
  EXPECT_EQ(processes_.CgroupOf(kChild, kSecond), 0U);
}

TEST_F(ProcessCgroupsTest, TheLastSamplesOfAProcessAreWhereItWasToTheEndOfTheWindow) {
  Put(kPid, "/a");
  processes_.CgroupOf(kPid, kSecond);
  processes_.OnExit(kPid);
  End(kPid);
  EXPECT_EQ(processes_.CgroupOf(kPid, 5 * kSecond), Id("/a"));
  processes_.EndWindow();
  EXPECT_EQ(processes_.CgroupOf(kPid, 6 * kSecond), 0U);
}

TEST_F(ProcessCgroupsTest, ANumberThatIsUsedAgainIsAnotherProcess) {
  Put(kPid, "/a");
  processes_.CgroupOf(kPid, kSecond);
  processes_.OnExit(kPid);
  Put(kPid, "/b");
  processes_.OnFork(7, kPid);
  EXPECT_EQ(processes_.CgroupOf(kPid, kSecond), Id("/b"));
}

TEST_F(ProcessCgroupsTest, ACgroupThatIsRemovedMeanwhileKeepsItsPath) {
  Put(kPid, "/a");
  const uint64_t id = processes_.CgroupOf(kPid, kSecond);
  directory_.Remove("/cgroup/a");
  EXPECT_EQ(tree_.PathsOf({id}), (CgroupPaths{{id, "/a"}}));
}

}  // namespace
}  // namespace sonde
