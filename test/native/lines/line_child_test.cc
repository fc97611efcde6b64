#include "core/lines/line_child.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "core/base/unique_fd.h"
#include "lines/line_records.h"

namespace sonde {
namespace {

using namespace std::chrono_literals;
using Clock = LineChildren::Clock;

/// A child that is a shell script; its socket is descriptor 0. Removed with the test.
class ScriptedChild {
 public:
  explicit ScriptedChild(const std::string& script) {
    path = std::filesystem::temp_directory_path() / ("sonde-child-" + std::to_string(getpid()));
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    chmod(path.c_str(), 0700);
  }
  ~ScriptedChild() { std::filesystem::remove(path); }

  LineConversation Ask(std::chrono::milliseconds limit = 5s, size_t addresses = 2) const {
    LineChildren children(path);
    const UniqueFd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    std::vector<uint64_t> asked(addresses);
    for (size_t i = 0; i < addresses; i++) asked[i] = i;
    return children.Ask(file.get(), 0, asked, Clock::now() + limit);
  }

  std::string path;
};

/// As printf writes it.
std::string Printf(const LineRecords& records) {
  std::string text = "printf '";
  for (const std::byte one : records.bytes()) {
    char octal[8];
    snprintf(octal, sizeof(octal), "\\%03o", static_cast<unsigned>(one));
    text += octal;
  }
  return text + "' >&0";
}

TEST(LineChildren, AnswersAreTaken) {
  const ScriptedChild child(Printf(LineRecords().Answer({1, 0, 7, 0}, {}).End("")));
  const auto conversation = child.Ask();
  EXPECT_EQ(conversation.end, LineEnd::kDone) << conversation.problem;
  EXPECT_EQ(conversation.answers.answered(), 1u);
  EXPECT_EQ(conversation.problem, "");
}

TEST(LineChildren, OneThatDiesIsNoticedAndWhatItSaidIsKept) {
  const ScriptedChild child(Printf(LineRecords().Answer({1, 0, 7, 0}, {})) + "; kill -SEGV $$");
  const auto conversation = child.Ask();
  EXPECT_EQ(conversation.end, LineEnd::kDied);
  EXPECT_EQ(conversation.problem, "the reader of its DWARF died (SIGSEGV)");
  EXPECT_EQ(conversation.answers.answered(), 1u);
}

TEST(LineChildren, OneThatSaysNothingAndEndsIsNoticed) {
  const auto conversation = ScriptedChild("exit 3").Ask();
  EXPECT_EQ(conversation.end, LineEnd::kDied);
  EXPECT_EQ(conversation.problem, "the reader of its DWARF ended with status 3");
}

TEST(LineChildren, OneThatHangsIsKilledAtTheDeadline) {
  const auto before = Clock::now();
  const auto conversation =
      ScriptedChild(Printf(LineRecords().Answer({0, 0, 7, 0}, {})) + "; exec sleep 60").Ask(300ms);
  EXPECT_EQ(conversation.end, LineEnd::kLate);
  EXPECT_EQ(conversation.answers.answered(), 1u);
  EXPECT_LT(Clock::now() - before, 30s);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "it is still there";
}

TEST(LineChildren, OneThatNeverListensIsKilledAtTheDeadline) {
  const auto conversation = ScriptedChild("exec sleep 60").Ask(300ms, kMaxLineAddresses);
  EXPECT_EQ(conversation.end, LineEnd::kLate);
}

TEST(LineChildren, OneThatSaysWhatIsNotAllowedIsKilled) {
  const auto conversation = ScriptedChild("exec yes >&0").Ask();
  EXPECT_EQ(conversation.end, LineEnd::kForbidden);
  EXPECT_NE(conversation.problem.find("too long"), std::string::npos) << conversation.problem;
}

TEST(LineChildren, OneThatNeverStopsTalkingIsKilled) {
  const auto text = Printf(LineRecords().Text(std::string(100, 'x')));
  const auto conversation = ScriptedChild("while :; do " + text + "; done").Ask(300ms);
  EXPECT_TRUE(conversation.end == LineEnd::kLate || conversation.end == LineEnd::kForbidden);
}

TEST(LineChildren, AProgramThatIsMissingIsNamed) {
  LineChildren children("/nonexistent/sonde-lines");
  const auto conversation = children.Ask(0, 0, {}, Clock::now() + 1s);
  EXPECT_EQ(conversation.end, LineEnd::kNotStarted);
  EXPECT_EQ(conversation.problem, "exec of /nonexistent/sonde-lines: No such file or directory");
}

TEST(LineChildren, ItInheritsNothingButItsFileAndItsSocket) {
  const UniqueFd other(open("/dev/null", O_RDONLY));  // not close-on-exec
  // The script's own descriptor (10 or so) and that of ls are its shell's.
  const ScriptedChild child(
      "env | grep -v -e ^PWD= -e ^_= >/dev/null && exit 9; [ -e /proc/self/fd/3 ] || exit 8; exit "
      "7");
  EXPECT_EQ(child.Ask().problem, "the reader of its DWARF ended with status 7");
}

}  // namespace
}  // namespace sonde
