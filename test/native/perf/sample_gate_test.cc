// Which samples are wanted follows from the rules, from /proc, and from what the kernel reports of processes.
#include "core/perf/sample_gate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "perf/fake_proc.h"

namespace sonde {
namespace {

using Kind = ProcessEventKind;
using Action = FilterAction;

constexpr uint64_t kSecond = 1'000'000'000;

FilterRule Rule(Action action, MatchKind kind, uint64_t value = 0, uint32_t one_in = 1) {
  return {.kind = kind, .action = action, .value = value, .one_in = one_in};
}
FilterRule TextRule(Action action, MatchKind kind, std::string text, uint32_t one_in = 1) {
  return {.kind = kind, .action = action, .text = std::move(text), .one_in = one_in};
}

class SampleGateTest : public testing::Test {
 protected:
  void Set(std::vector<FilterRule> rules) { gate_.Set({std::move(rules)}); }

  void Fork(uint64_t time, uint32_t parent, uint32_t pid) {
    gate_.Apply({.kind = Kind::kFork,
                 .time = time,
                 .pid = pid,
                 .tid = pid,
                 .parent_pid = parent,
                 .parent_tid = parent});
  }
  void NewThread(uint64_t time, uint32_t pid, uint32_t tid) {
    gate_.Apply({.kind = Kind::kFork,
                 .time = time,
                 .pid = pid,
                 .tid = tid,
                 .parent_pid = pid,
                 .parent_tid = pid});
  }
  void Exit(uint64_t time, uint32_t pid) {
    gate_.Apply({.kind = Kind::kExit, .time = time, .pid = pid, .tid = pid});
    proc_.Remove(pid);
  }
  void Rename(uint64_t time, uint32_t pid, const std::string& name) {
    gate_.Apply({.kind = Kind::kComm, .time = time, .pid = pid, .tid = pid, .text = name});
  }
  void Exec(uint64_t time, uint32_t pid, const std::string& name) {
    gate_.Apply(
        {.kind = Kind::kComm, .time = time, .pid = pid, .tid = pid, .exec = true, .text = name});
  }

  bool Wanted(uint32_t pid, uint64_t time = kSecond) {
    return !gate_.Decide({.pid = pid, .tid = pid, .time = time}).left_out;
  }
  bool ThreadWanted(uint32_t pid, uint32_t tid) {
    return !gate_.Decide({.pid = pid, .tid = tid, .time = kSecond}).left_out;
  }
  bool WantedOf(uint64_t cgroup) { return !gate_.Decide({.pid = 9, .cgroup = cgroup}).left_out; }
  /// What a sample that is kept stands for.
  uint32_t Factor(SampleRecord sample) {
    for (;;) {
      const auto verdict = gate_.Decide(sample);
      if (!verdict.left_out) return verdict.factor;
      EXPECT_EQ(*verdict.left_out, LeftOutReason::kSampledOut);
    }
  }

  test::FakeProc proc_;
  SampleGate gate_{7, proc_.root()};
};

TEST_F(SampleGateTest, WithoutRulesEverythingIsWantedAndNothingIsAsked) {
  EXPECT_TRUE(gate_.open());
  Set({Rule(Action::kExclude, MatchKind::kPid, 10)});
  EXPECT_FALSE(gate_.open());
  Set({});
  EXPECT_TRUE(gate_.open());
}

TEST_F(SampleGateTest, WhereThereAreRulesThatIncludeOneMustMatch) {
  Set({Rule(Action::kInclude, MatchKind::kPid, 10), Rule(Action::kInclude, MatchKind::kPid, 11)});
  EXPECT_TRUE(Wanted(10));
  EXPECT_TRUE(Wanted(11));
  EXPECT_FALSE(Wanted(12));
  EXPECT_EQ(gate_.Decide({.pid = 12}).left_out, LeftOutReason::kFiltered);
}

TEST_F(SampleGateTest, ExclusionBeatsInclusionWhateverTheOrder) {
  proc_.Put({.pid = 10, .name = "busy"});
  proc_.Put({.pid = 11, .name = "busy"});
  const auto by_name = TextRule(Action::kInclude, MatchKind::kComm, "busy");
  const auto but = Rule(Action::kExclude, MatchKind::kPid, 11);
  for (const auto& rules : {std::vector{by_name, but}, std::vector{but, by_name}}) {
    Set(rules);
    EXPECT_TRUE(Wanted(10));
    EXPECT_FALSE(Wanted(11));
  }
}

TEST_F(SampleGateTest, AProcessHasItsThreadsSamples) {
  Set({Rule(Action::kInclude, MatchKind::kPid, 10)});
  EXPECT_TRUE(ThreadWanted(10, 77));
  EXPECT_FALSE(ThreadWanted(77, 10));
}

// --- trees ---------------------------------------------------------------------------------------

TEST_F(SampleGateTest, ATreeIsTheProcessAndWhoDescendsFromItNow) {
  proc_.Put({.pid = 10});
  proc_.Put({.pid = 11, .parent = 10});
  proc_.Put({.pid = 12, .parent = 11});
  proc_.Put({.pid = 9, .parent = 12});  // numbers go round
  proc_.Put({.pid = 20});
  proc_.Put({.pid = 21, .parent = 20});
  Set({Rule(Action::kInclude, MatchKind::kTree, 10)});
  for (const uint32_t pid : {10, 11, 12, 9}) EXPECT_TRUE(Wanted(pid)) << pid;
  for (const uint32_t pid : {1, 20, 21, 33}) EXPECT_FALSE(Wanted(pid)) << pid;
}

TEST_F(SampleGateTest, WhoIsForkedInATreeBelongsToItAlsoWhenItsParentsEnd) {
  proc_.Put({.pid = 10});
  Set({Rule(Action::kInclude, MatchKind::kTree, 10)});
  Fork(1, 10, 11);
  Fork(2, 11, 12);
  Exit(3, 11);
  Exit(4, 10);
  gate_.EndWindow();
  Fork(5, 12, 13);
  EXPECT_TRUE(Wanted(12));
  EXPECT_TRUE(Wanted(13));
  EXPECT_FALSE(Wanted(11)) << "its last samples have come";
}

TEST_F(SampleGateTest, TheLastSamplesOfAProcessComeAfterItsExit) {
  proc_.Put({.pid = 10});
  Set({Rule(Action::kInclude, MatchKind::kTree, 10)});
  Fork(1, 10, 11);
  Exit(3, 11);
  EXPECT_TRUE(Wanted(11, 2));
}

TEST_F(SampleGateTest, ANumberThatAnotherProcessGetsIsNotInTheTree) {
  proc_.Put({.pid = 10});
  Set({Rule(Action::kInclude, MatchKind::kTree, 10)});
  Fork(1, 10, 11);
  Exit(2, 11);
  Exit(3, 10);
  Fork(4, 1, 11);
  Fork(5, 1, 10);
  EXPECT_FALSE(Wanted(11));
  EXPECT_FALSE(Wanted(10)) << "not even the root's";
  gate_.EndWindow();
  Fork(6, 1, 12);
  EXPECT_FALSE(Wanted(12));
}

TEST_F(SampleGateTest, ANumberThatTheTreeGetsAgainIsNotForgottenWithTheFirst) {
  proc_.Put({.pid = 10});
  Set({Rule(Action::kInclude, MatchKind::kTree, 10)});
  Fork(1, 10, 11);
  Exit(2, 11);
  Fork(3, 10, 11);
  gate_.EndWindow();
  EXPECT_TRUE(Wanted(11));
}

TEST_F(SampleGateTest, AFirstThreadThatEndsDoesNotEndItsProcess) {
  proc_.Put({.pid = 10});
  Set({Rule(Action::kInclude, MatchKind::kTree, 10)});
  gate_.Apply({.kind = Kind::kExit, .time = 1, .pid = 10, .tid = 10});
  gate_.EndWindow();
  EXPECT_TRUE(ThreadWanted(10, 15));
  Exit(2, 10);
  gate_.EndWindow();
  EXPECT_FALSE(Wanted(10));
}

TEST_F(SampleGateTest, AChangeKeepsWhatIsKnownOfTreesThatAreStillWanted) {
  proc_.Put({.pid = 10});
  Set({Rule(Action::kInclude, MatchKind::kTree, 10)});
  Fork(1, 10, 11);
  Fork(2, 11, 12);
  proc_.Put({.pid = 12, .parent = 1});  // 11 has ended
  Set({Rule(Action::kInclude, MatchKind::kPid, 5), Rule(Action::kInclude, MatchKind::kTree, 10)});
  EXPECT_TRUE(Wanted(12));
  gate_.Doubt();
  EXPECT_TRUE(Wanted(12)) << "and so do lost records";
  Set({Rule(Action::kInclude, MatchKind::kPid, 5)});
  Set({Rule(Action::kInclude, MatchKind::kTree, 10)});
  EXPECT_FALSE(Wanted(12)) << "nobody watched meanwhile";
}

TEST_F(SampleGateTest, ForksThatWereLostAreFoundInProc) {
  proc_.Put({.pid = 10});
  Set({Rule(Action::kInclude, MatchKind::kTree, 10)});
  proc_.Put({.pid = 11, .parent = 10});
  EXPECT_FALSE(Wanted(11));
  gate_.Doubt();
  EXPECT_TRUE(Wanted(11));
}

// --- names ---------------------------------------------------------------------------------------

TEST_F(SampleGateTest, ANameIsTheThreadsAndWhole) {
  proc_.Put({.pid = 10, .name = "work"});
  proc_.Put({.pid = 11, .name = "worker"});
  Set({TextRule(Action::kInclude, MatchKind::kComm, "work")});
  EXPECT_TRUE(Wanted(10));
  EXPECT_FALSE(Wanted(11));
  NewThread(1, 10, 15);
  EXPECT_TRUE(ThreadWanted(10, 15)) << "a thread has the name of the one that made it";
  EXPECT_FALSE(ThreadWanted(10, 16)) << "of which nothing is known";
}

TEST_F(SampleGateTest, ASampleHasTheNameThatItsThreadHadThen) {
  proc_.Put({.pid = 10, .name = "sh"});
  Set({TextRule(Action::kInclude, MatchKind::kComm, "sh")});
  EXPECT_TRUE(Wanted(10, 100));
  Exec(200, 10, "make");
  Rename(300, 10, "sh");
  EXPECT_TRUE(Wanted(10, 199));
  EXPECT_FALSE(Wanted(10, 200));
  EXPECT_TRUE(Wanted(10, 300));
}

TEST_F(SampleGateTest, ANameGoesWithItsThread) {
  proc_.Put({.pid = 10, .name = "sh"});
  Set({TextRule(Action::kInclude, MatchKind::kComm, "sh")});
  EXPECT_TRUE(Wanted(10, 1));
  Exit(2, 10);
  EXPECT_TRUE(Wanted(10, 1)) << "late samples come";
  gate_.EndWindow();
  EXPECT_FALSE(Wanted(10, 3));
}

// --- users and the kernel ------------------------------------------------------------------------

TEST_F(SampleGateTest, TheUserIsTheEffectiveOneAndAskedAgainAfterASecond) {
  proc_.Put({.pid = 10, .uid = 1000});
  Set({Rule(Action::kInclude, MatchKind::kUid, 1000)});
  EXPECT_TRUE(Wanted(10, kSecond));
  proc_.Put({.pid = 10, .uid = 0});
  EXPECT_TRUE(Wanted(10, kSecond + 1));
  EXPECT_FALSE(Wanted(10, 2 * kSecond + 1));
}

TEST_F(SampleGateTest, AProgramMayBeAnotherUsers) {
  proc_.Put({.pid = 10, .uid = 1000});
  Set({Rule(Action::kInclude, MatchKind::kUid, 0)});
  EXPECT_FALSE(Wanted(10, kSecond));
  proc_.Put({.pid = 10, .uid = 0});
  Exec(kSecond + 1, 10, "sudo");
  EXPECT_TRUE(Wanted(10, kSecond + 2));
}

TEST_F(SampleGateTest, OneThatHasEndedHasTheUserOfTheProcessThatMadeIt) {
  proc_.Put({.pid = 10, .uid = 1000});
  Set({Rule(Action::kInclude, MatchKind::kUid, 1000)});
  EXPECT_TRUE(Wanted(10));
  Fork(2, 10, 11);
  EXPECT_TRUE(Wanted(11));
}

TEST_F(SampleGateTest, WhatIsNotKnownOfAProcessMatchesNothing) {
  for (const Action action : {Action::kInclude, Action::kExclude}) {
    Set({Rule(action, MatchKind::kUid, 0), TextRule(action, MatchKind::kComm, ""),
         Rule(action, MatchKind::kKernelThread), TextRule(action, MatchKind::kCgroup, "/")});
    EXPECT_EQ(Wanted(4711), action == Action::kExclude);
    EXPECT_EQ(Wanted(UINT32_MAX), action == Action::kExclude) << "what has no number any more";
  }
}

TEST_F(SampleGateTest, ThreadsOfTheKernelAreToldByTheirFlag) {
  proc_.Put({.pid = 2, .name = "kthreadd", .kernel_thread = true});
  proc_.Put({.pid = 3, .parent = 2, .name = "a) S 1 1", .kernel_thread = true});
  proc_.Put({.pid = 10});
  Set({Rule(Action::kExclude, MatchKind::kKernelThread)});
  EXPECT_FALSE(Wanted(0));
  EXPECT_FALSE(Wanted(2));
  EXPECT_FALSE(Wanted(3));
  EXPECT_TRUE(Wanted(10));
  Fork(1, 2, 4);
  EXPECT_FALSE(Wanted(4)) << "it has ended before anybody looked";
  Exec(2, 3, "modprobe");
  EXPECT_TRUE(Wanted(3)) << "a helper that the kernel started";
}

TEST_F(SampleGateTest, ANumberUsedAgainIsAskedAnew) {
  proc_.Put({.pid = 10, .uid = 1000});
  Set({Rule(Action::kInclude, MatchKind::kUid, 1000)});
  EXPECT_TRUE(Wanted(10));
  Exit(1, 10);
  Fork(2, 1, 10);
  EXPECT_FALSE(Wanted(10));
  proc_.Put({.pid = 10, .uid = 1000});
  EXPECT_FALSE(Wanted(10)) << "not within a second";
  EXPECT_TRUE(Wanted(10, 3 * kSecond));
}

// --- cgroups -------------------------------------------------------------------------------------

class CgroupGateTest : public SampleGateTest {
 protected:
  CgroupGateTest() { gate_.TellCgroups(tree_); }

  uint64_t Make(const std::string& path) {
    std::filesystem::create_directories(mount_.root() + path);
    return tree_.IdOf(path).value_or(0);
  }

  test::FakeProc mount_;
  CgroupTree tree_{{.mount = mount_.root()}};
};

TEST_F(CgroupGateTest, ACgroupHasThoseBelowItToo) {
  const uint64_t pods = Make("/pods");
  const uint64_t pod = Make("/pods/a");
  const uint64_t other = Make("/podsandwich");
  Set({TextRule(Action::kInclude, MatchKind::kCgroup, "/pods")});
  EXPECT_TRUE(WantedOf(pods));
  EXPECT_TRUE(WantedOf(pod));
  EXPECT_FALSE(WantedOf(other));
  EXPECT_FALSE(WantedOf(0));
  Set({Rule(Action::kExclude, MatchKind::kCgroup, pod)});
  EXPECT_TRUE(WantedOf(pods));
  EXPECT_FALSE(WantedOf(pod));
}

TEST_F(CgroupGateTest, ACgroupThatIsMadeLaterIsFoundByItsPath) {
  Set({TextRule(Action::kInclude, MatchKind::kCgroup, "/service")});
  EXPECT_TRUE(WantedOf(Make("/service")));
}

TEST_F(CgroupGateTest, OfCgroupsThatThinTheNearestCounts) {
  const uint64_t pods = Make("/pods");
  const uint64_t pod = Make("/pods/a");
  Set({TextRule(Action::kThin, MatchKind::kCgroup, "/pods", 3),
       Rule(Action::kThin, MatchKind::kCgroup, pod, 2),
       Rule(Action::kThin, MatchKind::kUid, 0, 9)});
  EXPECT_EQ(Factor({.pid = 1, .cgroup = pod}), 2U);
  EXPECT_EQ(Factor({.pid = 1, .cgroup = pods}), 3U);
  EXPECT_EQ(Factor({.pid = 1, .cgroup = 1}), 1U);
}

// --- thinning ------------------------------------------------------------------------------------

TEST_F(SampleGateTest, TheMostSpecificRuleThinsWhateverTheOrder) {
  proc_.Put({.pid = 10, .name = "a", .uid = 7});
  proc_.Put({.pid = 11, .parent = 10, .name = "a", .uid = 7});
  proc_.Put({.pid = 12, .name = "a", .uid = 7});
  proc_.Put({.pid = 13, .name = "b", .uid = 7});
  proc_.Put({.pid = 14, .name = "b", .kernel_thread = true});
  proc_.Put({.pid = 15});
  Set({Rule(Action::kThin, MatchKind::kKernelThread, 0, 6),
       Rule(Action::kThin, MatchKind::kUid, 7, 5),
       TextRule(Action::kThin, MatchKind::kComm, "a", 4),
       Rule(Action::kThin, MatchKind::kTree, 10, 3), Rule(Action::kThin, MatchKind::kPid, 10, 2)});
  for (uint32_t pid = 10; pid < 15; pid++) {
    EXPECT_EQ(Factor({.pid = pid, .tid = pid, .time = kSecond}), pid - 8) << pid;
  }
  EXPECT_EQ(Factor({.pid = 15, .tid = 15, .time = kSecond}), 1U);
}

TEST_F(SampleGateTest, OneInTenIsKeptByChanceAndStandsForTen) {
  constexpr double kSamples = 100'000;
  constexpr double kChance = 0.1;
  Set({Rule(Action::kThin, MatchKind::kPid, 10, 10)});
  double kept = 0;
  double alike = 0;
  bool last = false;
  for (int sample = 0; sample < kSamples; sample++) {
    const auto verdict = gate_.Decide({.pid = 10});
    EXPECT_EQ(verdict.factor, verdict.left_out ? 1U : 10U);
    if (!verdict.left_out) kept++;
    if (!verdict.left_out && last) alike++;
    last = !verdict.left_out;
  }
  const auto deviation = [](double chance) {
    return 5 * std::sqrt(kSamples * chance * (1 - chance));
  };
  EXPECT_NEAR(kept, kSamples * kChance, deviation(kChance));
  EXPECT_NEAR(alike, kSamples * kChance * kChance, deviation(kChance * kChance)) << "not in turn";
}

TEST_F(SampleGateTest, ThinningLeavesWhatIsExcludedOut) {
  Set({Rule(Action::kThin, MatchKind::kPid, 10, 1000),
       Rule(Action::kExclude, MatchKind::kPid, 10)});
  for (int sample = 0; sample < 100; sample++) {
    EXPECT_EQ(gate_.Decide({.pid = 10}).left_out, LeftOutReason::kFiltered);
  }
}

TEST_F(SampleGateTest, AProcessGoesByItsFirstThreadsName) {
  proc_.Put({.pid = 10, .name = "server"});
  Set({TextRule(Action::kInclude, MatchKind::kProcess, "server")});
  NewThread(1, 10, 15);
  Rename(2, 15, "worker");
  EXPECT_TRUE(ThreadWanted(10, 15));
  EXPECT_TRUE(ThreadWanted(10, 16)) << "whatever is known of the thread";
  EXPECT_FALSE(Wanted(15)) << "one that is called as the thread is";
  Rename(3, 10, "worker");
  EXPECT_FALSE(ThreadWanted(10, 15));
}

TEST_F(SampleGateTest, OfNamesTheThreadsIsMoreSpecificThanTheProcesss) {
  proc_.Put({.pid = 10, .name = "a", .uid = 7});
  Set({Rule(Action::kThin, MatchKind::kUid, 7, 4),
       TextRule(Action::kThin, MatchKind::kProcess, "a", 3),
       TextRule(Action::kThin, MatchKind::kComm, "b", 2)});
  NewThread(1, 10, 15);
  gate_.Apply({.kind = Kind::kComm, .time = 2, .pid = 10, .tid = 15, .text = "b"});
  EXPECT_EQ(Factor({.pid = 10, .tid = 10, .time = kSecond}), 3U);
  EXPECT_EQ(Factor({.pid = 10, .tid = 15, .time = kSecond}), 2U);
}

}  // namespace
}  // namespace sonde
