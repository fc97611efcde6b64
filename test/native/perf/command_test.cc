// A command runs when it is told to, ends as its shell would say, and leaves nothing behind when it never runs.
#include "core/perf/command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <filesystem>
#include <fstream>

namespace sonde {
namespace {

class CommandTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "sonde-command-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ / name; }
  std::string File(const std::string& name, const std::string& text, mode_t mode) const {
    std::ofstream(Path(name)) << text;
    chmod(Path(name).c_str(), mode);
    return Path(name);
  }
  static Result<ExitStatus> Run(const std::vector<std::string>& arguments) {
    auto command = Command::Prepare(arguments);
    if (!command) return command.error();
    const Status started = command->Start();
    if (!started) return started.error();
    return Command::Wait(command->pid());
  }
  static int FailureOf(const std::vector<std::string>& arguments) {
    const auto ended = Run(arguments);
    return ended ? 0 : ended.error().code;
  }

  std::filesystem::path directory_;
};

bool IsAChild(pid_t pid) { return waitpid(pid, nullptr, WNOHANG) == 0; }

TEST_F(CommandTest, ItsExitStatusIsKnown) {
  const auto ended = Run({"sh", "-c", "exit 42"});
  ASSERT_TRUE(ended) << ended.error().what;
  EXPECT_EQ(ended->status, 42);
  EXPECT_EQ(ended->signal, 0);
}

TEST_F(CommandTest, TheSignalThatEndedItIsKnown) {
  auto command = Command::Prepare({"sleep", "60"});
  ASSERT_TRUE(command && command->Start());
  command->Kill(SIGTERM);
  const auto ended = Command::Wait(command->pid());
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->signal, SIGTERM);
}

TEST_F(CommandTest, WhatDoesNotExistOrMayNotRunIsSaidByItsErrno) {
  EXPECT_EQ(FailureOf({"sonde-no-such-program"}), ENOENT);
  EXPECT_EQ(FailureOf({Path("missing")}), ENOENT);
  EXPECT_EQ(FailureOf({File("plain", "text", 0644)}), EACCES);
  EXPECT_EQ(FailureOf({directory_}), EACCES);
  EXPECT_EQ(FailureOf({""}), ENOENT);
  EXPECT_EQ(FailureOf({}), ENOENT);
}

TEST_F(CommandTest, TheProcessOfAFailedExecIsGone) {
  auto command = Command::Prepare({Path("missing")});
  ASSERT_TRUE(command);
  const pid_t pid = command->pid();
  EXPECT_FALSE(command->Start());
  EXPECT_EQ(command->pid(), -1);
  EXPECT_FALSE(IsAChild(pid));
}

TEST_F(CommandTest, AScriptWithoutAnInterpreterRunsInTheShell) {
  const auto ended = Run({File("script", "exit $#\n", 0755), "one", "two"});
  ASSERT_TRUE(ended) << ended.error().what;
  EXPECT_EQ(ended->status, 2);
}

TEST_F(CommandTest, ItRunsNoInstructionBeforeTheStart) {
  auto command = Command::Prepare({"touch", Path("ran")});
  ASSERT_TRUE(command);
  usleep(20'000);
  EXPECT_FALSE(std::filesystem::exists(Path("ran")));
  ASSERT_TRUE(command->Start());
  EXPECT_EQ(Command::Wait(command->pid())->status, 0);
  EXPECT_TRUE(std::filesystem::exists(Path("ran")));
}

TEST_F(CommandTest, OneThatIsNeverStartedGoesAway) {
  pid_t pid = 0;
  {
    const auto command = Command::Prepare({"touch", Path("ran")});
    ASSERT_TRUE(command);
    pid = command->pid();
    EXPECT_TRUE(IsAChild(pid));
  }
  EXPECT_FALSE(IsAChild(pid));
  EXPECT_FALSE(std::filesystem::exists(Path("ran")));
}

TEST_F(CommandTest, TwoMayWaitAtATime) {
  auto first = Command::Prepare({"true"});
  const auto second = Command::Prepare({"true"});
  ASSERT_TRUE(first && second);
  // The second process is a copy of this one, and must not keep the first waiting.
  const Result<Command> unstarted = std::move(first);
  EXPECT_TRUE(IsAChild(unstarted->pid()));
}

TEST_F(CommandTest, OneThatWasKilledBeforeItsStartIsReported) {
  struct sigaction ignored = {};
  struct sigaction before = {};
  ignored.sa_handler = SIG_IGN;  // as Node does
  sigaction(SIGPIPE, &ignored, &before);
  auto command = Command::Prepare({"true"});
  ASSERT_TRUE(command);
  const pid_t pid = command->pid();
  command->Kill(SIGKILL);
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  EXPECT_EQ(command->Start().error().code, EPIPE);
  EXPECT_FALSE(IsAChild(pid)) << "it stays as a zombie";
  sigaction(SIGPIPE, &before, nullptr);
}

TEST_F(CommandTest, ASecondStartIsRefused) {
  auto command = Command::Prepare({"true"});
  ASSERT_TRUE(command && command->Start());
  EXPECT_EQ(command->Start().error().code, EALREADY);
  (void)Command::Wait(command->pid());
}

// --- what it is started with ---------------------------------------------------------------------

/// Does something to this process's standard streams, as Node does, and undoes it.
class StreamsOfNode {
 public:
  StreamsOfNode() {
    for (const int fd : {0, 1, 2}) {
      flags_[static_cast<size_t>(fd)] = fcntl(fd, F_GETFD);
      fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
  }
  ~StreamsOfNode() {
    for (const int fd : {0, 1, 2}) fcntl(fd, F_SETFD, flags_[static_cast<size_t>(fd)]);
  }

 private:
  std::array<int, 3> flags_ = {};
};

TEST_F(CommandTest, ItHasTheStandardStreamsThoughTheAgentsCloseOnExec) {
  const StreamsOfNode streams;
  const auto ended =
      Run({"sh", "-c", "for fd in 0 1 2; do test -e /proc/$$/fd/$fd || exit 1; done"});
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, 0);
}

TEST_F(CommandTest, ItInheritsNoOtherDescriptorOfTheAgent) {
  const int secret = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const auto ended = Run({"test", "-e", "/proc/self/fd/" + std::to_string(secret)});
  close(secret);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, 1);
}

TEST_F(CommandTest, ItsSignalsAreThoseOfANewProcess) {
  struct sigaction ignored = {};
  struct sigaction before = {};
  ignored.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignored, &before);
  const auto ended = Run({"grep", "-q", "^SigIgn:[[:space:]]*0*$", "/proc/self/status"});
  sigaction(SIGPIPE, &before, nullptr);
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, 0);
}

}  // namespace
}  // namespace sonde
