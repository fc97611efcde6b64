#include "core/symbols/process_facts.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include "core/base/clock.h"
#include "symbols/child_process.h"

namespace sonde {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

/// A process that has ended and was not waited for.
void Kill(const ChildProcess& process) {
  kill(process.pid(), SIGKILL);
  siginfo_t ended = {};
  waitid(P_PID, static_cast<id_t>(process.pid()), &ended, WEXITED | WNOWAIT);
}

TEST(ProcessFacts, AProcessBeganWhenItWasMade) {
  const uint64_t before = MonotonicNow();
  const ChildProcess process([] { return true; });
  const auto facts = ReadProcessFacts(process.pid());
  ASSERT_TRUE(facts);
  EXPECT_GT(facts->began + kSecond, before);
  EXPECT_LT(facts->began, MonotonicNow() + kSecond);
  EXPECT_EQ(facts->start_ticks, StartTicksOf(process.pid()));
  EXPECT_EQ(facts->inner_pid, process.pid());
  EXPECT_EQ(facts->real_uid, getuid());
  EXPECT_EQ(facts->effective_uid, geteuid());
  EXPECT_EQ(facts->tmp, ProcessFacts::Tmp::kAgents);
}

TEST(ProcessFacts, ANameMadeOfFieldsMakesNone) {
  const ChildProcess process([] { return prctl(PR_SET_NAME, ") S 1\nUid:\t7") == 0; });
  const auto facts = ReadProcessFacts(process.pid());
  const auto own = ReadProcessFacts(getpid());
  ASSERT_TRUE(facts && own);
  EXPECT_EQ(facts->real_uid, getuid());
  EXPECT_GE(facts->start_ticks, own->start_ticks);
  EXPECT_LT(facts->began, MonotonicNow() + kSecond);
}

TEST(ProcessFacts, OfOneThatHasEndedTheDirectoryIsGoneAndOfNoneNothingIsKnown) {
  ChildProcess process([] { return true; });
  const pid_t pid = process.pid();
  Kill(process);
  const auto facts = ReadProcessFacts(pid);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->tmp, ProcessFacts::Tmp::kGone);
  process.End();
  EXPECT_FALSE(ReadProcessFacts(pid));
  EXPECT_FALSE(ReadProcessStatus(pid));
  EXPECT_FALSE(StartTicksOf(pid));
}

TEST(ProcessFacts, UsersAreTheRealAndTheEffectiveOne) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody";
  const ChildProcess process([] { return setresuid(1001, 1002, 1003) == 0; });
  const auto facts = ReadProcessFacts(process.pid());
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->real_uid, 1001u);
  EXPECT_EQ(facts->effective_uid, 1002u);
}

TEST(ProcessFacts, ATmpOfItsOwnIsNotTheAgents) {
  const ChildProcess process([] {
    return unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           mount("none", "/tmp", "tmpfs", 0, nullptr) == 0;
  });
  if (!process.ready()) GTEST_SKIP() << "mounting needs CAP_SYS_ADMIN";
  const auto facts = ReadProcessFacts(process.pid());
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->tmp, ProcessFacts::Tmp::kAnother);
}

}  // namespace
}  // namespace sonde
