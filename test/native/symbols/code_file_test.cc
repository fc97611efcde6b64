#include "core/symbols/code_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>

#include "symbols/child_process.h"

namespace sonde {
namespace {

constexpr uid_t kSomebody = 12345;

/// The perf-map of a process that waits, removed with the test.
class CodeFileTest : public testing::Test {
 protected:
  CodeFileTest() { std::ofstream(path_) << "1000 10 one\n"; }
  ~CodeFileTest() override {
    std::filesystem::remove(path_);
    std::filesystem::remove(path_ + "-2");
  }

  CodeMaker Alive() const {
    return {.pid = process_.pid(), .facts = ReadProcessFacts(process_.pid()), .alive = true};
  }
  /// Why the file is not believed; empty where it is.
  static std::string Refusal(const CodeMaker& maker) {
    const auto file = OpenPerfMap(maker);
    return file ? "" : file.error().what;
  }

  ChildProcess process_{[] { return true; }};
  const std::string path_ = "/tmp/perf-" + std::to_string(process_.pid()) + ".map";
};

TEST_F(CodeFileTest, AFileOfTheProcesssUserIsBelieved) {
  EXPECT_EQ(Refusal(Alive()), "");
  std::filesystem::remove(path_);
  EXPECT_EQ(OpenPerfMap(Alive()).error().code, ENOENT);
}

TEST_F(CodeFileTest, AFileThatOthersMayWriteIsNot) {
  chmod(path_.c_str(), 0666);
  EXPECT_NE(Refusal(Alive()).find("may write into it"), std::string::npos);
  chmod(path_.c_str(), 0644);
  EXPECT_EQ(Refusal(Alive()), "");
}

TEST_F(CodeFileTest, NeitherALinkNorAFileOfTwoNamesIs) {
  std::filesystem::create_hard_link(path_, path_ + "-2");
  EXPECT_NE(Refusal(Alive()).find("more than one name"), std::string::npos);
  std::filesystem::remove(path_);
  std::filesystem::create_symlink(path_ + "-2", path_);
  EXPECT_EQ(OpenPerfMap(Alive()).error().code, EINVAL);
}

TEST_F(CodeFileTest, AFileOfAnEarlierProcessOfThatNumberIsNot) {
  std::filesystem::last_write_time(
      path_, std::filesystem::last_write_time(path_) - std::chrono::seconds(10));
  EXPECT_NE(Refusal(Alive()).find("before the process began"), std::string::npos);
}

TEST_F(CodeFileTest, AFileOfAnotherUserIsNot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to give files away";
  ASSERT_EQ(chown(path_.c_str(), kSomebody, 0), 0);
  EXPECT_NE(Refusal(Alive()).find("belongs to uid 12345"), std::string::npos);
  CodeMaker own = Alive();
  own.facts->real_uid = kSomebody;
  EXPECT_EQ(Refusal(own), "") << "the user who started it";
}

TEST_F(CodeFileTest, OfAProcessThatHasEndedOnlyWhatNobodyElseCanHaveWritten) {
  const CodeMaker unknown = {.pid = process_.pid()};
  EXPECT_EQ(Refusal(unknown), "") << "the agent's own user";
  CodeMaker elsewhere = Alive();
  elsewhere.alive = false;
  EXPECT_EQ(Refusal(elsewhere), "") << "what is known from earlier";
  elsewhere.facts->tmp = ProcessFacts::Tmp::kAnother;
  EXPECT_EQ(OpenPerfMap(elsewhere).error().code, ENOENT);
  elsewhere.facts->tmp = ProcessFacts::Tmp::kGone;
  elsewhere.facts->inner_pid++;
  EXPECT_EQ(OpenPerfMap(elsewhere).error().code, ENOENT) << "of a namespace";
  if (geteuid() != 0) return;
  ASSERT_EQ(chown(path_.c_str(), kSomebody, 0), 0);
  EXPECT_NE(Refusal(unknown).find("ended before it could be asked"), std::string::npos);
}

TEST_F(CodeFileTest, AJitdumpIsTheFileThatIsMapped) {
  struct stat status = {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  FileIdentity identity = {
      .device = uint64_t{major(status.st_dev)} << 32 | uint64_t{minor(status.st_dev)},
      .inode = status.st_ino};
  EXPECT_TRUE(OpenJitdump(Alive(), path_, identity));
  chmod(path_.c_str(), 0666);
  EXPECT_FALSE(OpenJitdump(Alive(), path_, identity)) << "by the same rules";
  chmod(path_.c_str(), 0644);
  identity.inode++;
  EXPECT_EQ(OpenJitdump(Alive(), path_, identity).error().code, ESTALE);
}

}  // namespace
}  // namespace sonde
