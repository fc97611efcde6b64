#include "core/symbols/jit_namer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>

#include "core/base/clock.h"
#include "symbols/child_process.h"
#include "symbols/jitdump_bytes.h"

namespace sonde {
namespace {

using namespace std::chrono_literals;

constexpr uid_t kNobody = 65534;

/// /tmp/perf-PID.map of a process that waits, both removed with the test.
class PerfMapNames : public testing::Test {
 protected:
  ~PerfMapNames() override {
    std::filesystem::remove(path_);
    std::filesystem::remove(path_ + "-2");
  }

  void Write(const std::string& text) { std::ofstream(path_, std::ios::trunc) << text; }
  void Append(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }

  JitRequest Ask(std::vector<uint64_t> addresses) const {
    JitRequest request;
    request.pid = process_.pid();
    request.addresses = std::move(addresses);
    request.window_end = MonotonicNow();
    request.window_start = request.window_end - 1'000'000'000;
    return request;
  }
  JitResult Name(const JitRequest& request) { return namer_.Name({request}, 5s)[0]; }
  /// The name at 0x1008, or why there is none.
  std::string Answer(const JitRequest& request) {
    const JitResult result = Name(request);
    return result.name[0] == 0 ? result.problem : result.functions[result.name[0] - 1];
  }
  std::string Answer() { return Answer(Ask({0x1008})); }

  ChildProcess process_{[] { return true; }};
  const std::string path_ = "/tmp/perf-" + std::to_string(process_.pid()) + ".map";
  JitNamer namer_{1 << 20};
};

#define NEEDS_ROOT() \
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to give files away"

TEST_F(PerfMapNames, FunctionsAreNamedOnceAndAddressesPointToThem) {
  Write("1000 10 one\n2000 10 \x1b[2Jtwo\n");
  const JitResult result = Name(Ask({0x1008, 0x2000, 0x1001, 0x3000}));
  EXPECT_EQ(result.problem, "");
  EXPECT_EQ(result.functions, (std::vector<std::string>{"one", "?[2Jtwo"}));
  EXPECT_EQ(result.system_names, result.functions);
  EXPECT_EQ(result.name, (std::vector<uint32_t>{1, 2, 1, 0}));
  EXPECT_EQ(result.offset, (std::vector<uint32_t>{8, 0, 1, 0}));
  EXPECT_EQ(result.line, std::vector<uint32_t>(4));
  EXPECT_GT(namer_.cache_bytes(), 0u);
}

TEST_F(PerfMapNames, NothingIsSaidOfAProcessWithoutSuchAFile) { EXPECT_EQ(Answer(), ""); }

TEST_F(PerfMapNames, WhatIsAppendedIsKnownInTheNextWindow) {
  Write("1000 10 one\n");
  EXPECT_EQ(Answer(), "one");
  Append("3000 10 three\n");
  const JitResult result = Name(Ask({0x1008, 0x3000}));
  EXPECT_EQ(result.functions, (std::vector<std::string>{"one", "three"}));
}

TEST_F(PerfMapNames, AnAddressThatWasTwoFunctionsInAWindowIsNeither) {
  Write("1000 10 one\n2000 10 two\n");
  Name(Ask({0x1008, 0x2008}));
  Append("1000 10 other\n2000 20 two\n");
  const JitResult changed = Name(Ask({0x1008, 0x2008, 0x2018}));
  EXPECT_EQ(changed.name, (std::vector<uint32_t>{0, 1, 1}))
      << "the same function again is no other";
  EXPECT_EQ(Answer(), "other") << "a window later it can be nothing else";
}

TEST_F(PerfMapNames, AFileOfAnotherUserIsRefused) {
  NEEDS_ROOT();
  Write("1000 10 forged\n");
  ASSERT_EQ(chown(path_.c_str(), kNobody, kNobody), 0);
  EXPECT_EQ(Answer(), "belongs to uid 65534, the process runs as uid 0");
  ASSERT_EQ(chown(path_.c_str(), 0, 0), 0);
  EXPECT_EQ(Answer(), "forged");
}

TEST_F(PerfMapNames, TheProcessesOwnUserAndRootMayWriteIt) {
  NEEDS_ROOT();
  const ChildProcess other([] {
    return setresgid(kNobody, kNobody, kNobody) == 0 && setresuid(kNobody, kNobody, kNobody) == 0;
  });
  const std::string path = "/tmp/perf-" + std::to_string(other.pid()) + ".map";
  std::ofstream(path) << "1000 10 one\n";
  JitRequest request = Ask({0x1008});
  request.pid = other.pid();
  EXPECT_EQ(Answer(request), "one");
  ASSERT_EQ(chown(path.c_str(), kNobody, kNobody), 0);
  EXPECT_EQ(Answer(request), "one");
  ASSERT_EQ(chown(path.c_str(), kNobody - 1, kNobody), 0);
  EXPECT_EQ(Answer(request), "belongs to uid 65533, the process runs as uid 65534");
  std::filesystem::remove(path);
}

TEST_F(PerfMapNames, AFileThatOthersMayWriteIsRefused) {
  Write("1000 10 forged\n");
  chmod(path_.c_str(), 0666);
  EXPECT_EQ(Answer(), "others than uid " + std::to_string(geteuid()) + " may write into it");
}

TEST_F(PerfMapNames, LinksAreRefused) {
  std::ofstream(path_ + "-2") << "1000 10 forged\n";
  std::filesystem::create_symlink(path_ + "-2", path_);
  EXPECT_NE(Answer().find("not a regular file"), std::string::npos);
  std::filesystem::remove(path_);
  std::filesystem::create_hard_link(path_ + "-2", path_);
  EXPECT_EQ(Answer(), "has more than one name, so it may be another's");
}

TEST_F(PerfMapNames, AFifoIsRefusedAtOnce) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0644), 0);
  EXPECT_NE(Answer().find("not a regular file"), std::string::npos);
}

TEST_F(PerfMapNames, AFileThatIsOlderThanTheProcessIsAnEarlierOnes) {
  Write("1000 10 earlier\n");
  timespec times[2] = {};
  clock_gettime(CLOCK_REALTIME, &times[0]);
  times[0].tv_sec -= 60;
  times[1] = times[0];
  ASSERT_EQ(utimensat(AT_FDCWD, path_.c_str(), times, 0), 0);
  EXPECT_EQ(Answer(), "was written before the process began: it is an earlier one's");
}

TEST_F(PerfMapNames, WhatAnEndedProcessLeftBehindIsRead) {
  Write("1000 10 one\n");
  const JitRequest request = Ask({0x1008});
  process_.End();
  EXPECT_EQ(Answer(request), "one");
}

TEST_F(PerfMapNames, OfAnEndedProcessOnlyAFileIsBelievedThatNobodyElseCanHaveWritten) {
  NEEDS_ROOT();
  const JitRequest request = Ask({0x1008});
  process_.End();
  Write("1000 10 forged\n");
  ASSERT_EQ(chown(path_.c_str(), kNobody, kNobody), 0);
  EXPECT_EQ(Answer(request),
            "belongs to uid 65534; the process ended before it could be asked who it runs as");
}

TEST_F(PerfMapNames, OfAnEndedProcessIsRememberedWhoItWas) {
  NEEDS_ROOT();
  Write("1000 10 one\n");
  EXPECT_EQ(Answer(), "one");
  JitRequest request = Ask({0x1008});
  process_.End();
  Append("1008 8 late\n");
  request.ended = true;
  EXPECT_EQ(Answer(request), "") << "either";
  EXPECT_EQ(Answer(request), "late");
  ASSERT_EQ(chown(path_.c_str(), kNobody, kNobody), 0);
  EXPECT_EQ(Answer(request), "belongs to uid 65534, the process runs as uid 0");
}

TEST_F(PerfMapNames, AProcessThatOnlyHasTheSameNumberIsNotAsked) {
  NEEDS_ROOT();
  const ChildProcess younger([] {
    return setresgid(kNobody, kNobody, kNobody) == 0 && setresuid(kNobody, kNobody, kNobody) == 0;
  });
  const std::string path = "/tmp/perf-" + std::to_string(younger.pid()) + ".map";
  std::ofstream(path) << "1000 10 younger's\n";
  ASSERT_EQ(chown(path.c_str(), kNobody, kNobody), 0);
  JitRequest request = Ask({0x1008});
  request.pid = younger.pid();
  EXPECT_EQ(Answer(request), "younger's");
  JitNamer another(1 << 20);
  request.window_end -= 60'000'000'000;
  request.window_start -= 60'000'000'000;
  EXPECT_EQ(another.Name({request}, 5s)[0].name[0], 0u) << "it began after the window";
  std::filesystem::remove(path);
}

TEST_F(PerfMapNames, InItsNamespacesTheFileHasAnotherPlaceAndNumber) {
  NEEDS_ROOT();
  auto* const inside = static_cast<pid_t*>(
      mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  const ChildProcess outer([&] {
    if (unshare(CLONE_NEWNS | CLONE_NEWPID) != 0) return false;
    int ready[2];
    if (pipe(ready) != 0) return false;
    const pid_t first = fork();
    if (first == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const bool mounted = mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                           mount("none", "/tmp", "tmpfs", 0, nullptr) == 0;
      if (mounted) std::ofstream("/tmp/perf-1.map") << "1000 10 inside\n";
      if (write(ready[1], mounted ? "y" : "n", 1) == 1) pause();
      _exit(0);
    }
    *inside = first;
    char outcome = 'n';
    return read(ready[0], &outcome, 1) == 1 && outcome == 'y';
  });
  if (!outer.ready()) GTEST_SKIP() << "no namespaces can be made here";
  JitRequest request = Ask({0x1008});
  request.pid = *inside;
  const std::string outside = "/tmp/perf-" + std::to_string(*inside) + ".map";
  std::ofstream(outside) << "1000 10 outside\n";
  EXPECT_EQ(Answer(request), "inside");
  const std::string in_root = "/proc/" + std::to_string(*inside) + "/root/tmp/perf-1.map";
  ASSERT_EQ(chown(in_root.c_str(), kNobody, kNobody), 0);
  EXPECT_EQ(Answer(request),
            "perf-1.map of its pid namespace: belongs to uid 65534, the process runs as uid 0");
  std::filesystem::remove(in_root);
  EXPECT_EQ(Answer(request), "") << "the agent's own /tmp is not the process's";
  kill(*inside, SIGKILL);
  std::filesystem::remove(outside);
  munmap(inside, 4096);
}

TEST_F(PerfMapNames, WhatIsKeptOfManyProcessesIsBounded) {
  std::string lines;
  for (int line = 0; line < 3000; line++) lines += std::to_string(10000 + line) + " 1 f\n";
  Write(lines);
  JitNamer namer(64 << 10);
  const ChildProcess second([] { return true; });
  const std::string path = "/tmp/perf-" + std::to_string(second.pid()) + ".map";
  std::ofstream(path) << lines;
  JitRequest other = Ask({0x10000});
  other.pid = second.pid();
  const auto results = namer.Name({Ask({0x10000}), other}, 5s);
  EXPECT_EQ(results[0].name[0], 1u);
  EXPECT_EQ(results[1].name[0], 1u);
  EXPECT_LE(namer.cache_bytes(), size_t{64} << 10);
  std::filesystem::remove(path);
}

/// What this process has read of files.
uint64_t BytesRead() {
  std::ifstream io("/proc/self/io");
  std::string label;
  uint64_t bytes = 0;
  io >> label >> bytes;
  return bytes;
}

TEST(JitdumpNames, ManyAddressesInAFunctionOfManyLinesReadNoMoreThanARequestMay) {
  const ChildProcess process([] { return true; });
  const std::string path =
      std::filesystem::temp_directory_path() / ("sonde-dump-" + std::to_string(getpid()));
  const std::string source(80, 's');
  std::vector<JitdumpBytes::Line> lines;
  for (int32_t line = 1; line <= 10'000; line++) lines.push_back({0x1000, line, source});
  JitdumpBytes dump({.pid = static_cast<uint32_t>(process.pid())});
  dump.Lines(1, 0x1000, lines).Load(1, 0x1000, 4096, "large");
  std::ofstream(path, std::ios::binary) << dump.bytes();
  JitRequest request{.source = JitRequest::Source::kJitdump, .pid = process.pid(), .path = path};
  struct stat status = {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  request.identity.inode = status.st_ino;
  request.identity.device = uint64_t{major(status.st_dev)} << 32 | uint64_t{minor(status.st_dev)};
  request.window_end = MonotonicNow();
  for (uint64_t avma = 0x1000; avma < 0x1400; avma++) request.addresses.push_back(avma);
  const uint64_t before = BytesRead();
  const JitResult result = JitNamer(1 << 20).Name({request}, 60s)[0];
  EXPECT_LT(BytesRead() - before, uint64_t{80} << 20) << "of a gigabyte";
  std::filesystem::remove(path);
  EXPECT_EQ(result.problem, "more to read than a window may take: some have no names, or no lines");
  EXPECT_EQ(result.line.front(), 10'000u);
  EXPECT_EQ(result.line.back(), 0u);
  EXPECT_EQ(result.name, std::vector<uint32_t>(1024, 1)) << "names need little";
}

}  // namespace
}  // namespace sonde
