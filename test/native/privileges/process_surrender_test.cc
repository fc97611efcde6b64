#include "core/privileges/process_surrender.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include "core/base/native_thread.h"
#include "core/base/small_file.h"

namespace sonde {
namespace {

constexpr std::chrono::seconds kPatience(20);
constexpr int kSysLog = 34;

/// What a child process says of itself, '' for nothing to complain about: what it gives up it cannot have back.
std::string InChild(const std::function<std::string()>& body) {
  int ends[2];
  if (pipe(ends) != 0) return "pipe";
  const pid_t pid = fork();
  if (pid == 0) {
    const std::string text = body() + '.';
    (void)!write(ends[1], text.data(), text.size());
    _exit(0);
  }
  close(ends[1]);
  std::string text(4096, '\0');
  const ssize_t bytes = read(ends[0], text.data(), text.size());
  close(ends[0]);
  waitpid(pid, nullptr, 0);
  text.resize(bytes < 0 ? 0 : static_cast<size_t>(bytes));
  if (!text.ends_with('.')) return "it died";
  text.pop_back();
  return text;
}

bool MayTest() {
  const auto own = OwnCapabilities();
  return own && (own->effective & MaskOf(CAP_SETPCAP)) != 0 &&
         (own->permitted & MaskOf(kSysLog)) != 0;
}

/// As a program that was started by the launcher.
bool BeAmbient() {
  auto own = OwnCapabilities();
  own->inheritable |= MaskOf(kSysLog);
  return SetOwnCapabilities(*own) &&
         prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kSysLog, 0, 0) == 0;
}

size_t ThreadsLike(const std::function<bool(const ThreadCapabilities&)>& wanted) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    const auto status = ReadSmallFile(entry.path().string() + "/status", 16 << 10);
    if (status && wanted(ThreadCapabilities::Parse(*status))) count++;
  }
  return count;
}

std::string Text(const SurrenderReport& report) {
  std::string text = std::to_string(report.threads) + " threads";
  for (const auto& failure : report.failed) {
    text += "; " + failure.name + ": " + failure.reason;
  }
  return report.bounding_kept ? text + "; bounding set kept" : text;
}

void Rest() { std::this_thread::sleep_for(std::chrono::hours(1)); }

/// Threads as Node and Sonde have them, and one that begins others all the time.
void StartThreads(int resting) {
  for (int index = 0; index < resting; index++) {
    std::thread(Rest).detach();
    StartThread("takes no signal", Rest).detach();
  }
  std::thread([] {
    for (;;) {
      std::thread([] { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }).detach();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }).detach();
}

class ProcessSurrender : public testing::Test {
 protected:
  void SetUp() override {
    if (!MayTest()) GTEST_SKIP() << "needs CAP_SETPCAP and CAP_SYSLOG to have something to give up";
  }
};

TEST_F(ProcessSurrender, EveryThreadLeavesNothingToWhatItExecutesAndKeepsItsOwn) {
  const std::string said = InChild([] {
    const auto own = OwnCapabilities();
    if (!BeAmbient()) return std::string("cannot be made ambient");
    StartThreads(4);
    if (ThreadsLike([](const auto& thread) { return thread.ambient != 0; }) < 9) {
      return std::string("the test has no threads to try it with");
    }
    const auto report = GiveUpInEveryThread({}, kPatience);
    if (!report || !report->failed.empty() || report->threads < 9) return Text(*report);
    const size_t left = ThreadsLike([&](const auto& thread) {
      return thread.ambient != 0 || thread.sets.inheritable != 0 ||
             thread.sets.permitted != own->permitted || thread.sets.effective != own->effective;
    });
    return left == 0 ? std::string() : std::to_string(left) + " threads are not as they should be";
  });
  EXPECT_EQ(said, "");
}

TEST_F(ProcessSurrender, TheBoundingSetKeepsWhatIsToStay) {
  const std::string said = InChild([] {
    StartThreads(1);
    const auto report = GiveUpInEveryThread({.bounding = MaskOf(CAP_SETUID)}, kPatience);
    if (!report || !report->failed.empty() || report->bounding_kept) return Text(*report);
    const size_t wrong = ThreadsLike([](const auto& thread) {
      return thread.bounding != MaskOf(CAP_SETUID) || thread.sets.permitted == 0;
    });
    return wrong == 0 ? std::string() : std::to_string(wrong) + " threads have another";
  });
  EXPECT_EQ(said, "");
}

TEST_F(ProcessSurrender, EverythingIsGoneForGood) {
  const std::string said = InChild([] {
    if (!BeAmbient()) return std::string("cannot be made ambient");
    StartThreads(4);
    const auto report = GiveUpInEveryThread({.own = true, .bounding = 0}, kPatience);
    if (!report || !report->failed.empty()) return Text(*report);
    const size_t left = ThreadsLike([](const auto& thread) {
      return (thread.sets.permitted | thread.sets.effective | thread.sets.inheritable |
              thread.ambient | thread.bounding) != 0 ||
             !thread.no_new_privileges;
    });
    return left == 0 ? std::string() : std::to_string(left) + " threads have some left";
  });
  EXPECT_EQ(said, "");
}

TEST_F(ProcessSurrender, WithoutSetpcapTheBoundingSetStaysAndThatIsReported) {
  const std::string said = InChild([] {
    auto own = OwnCapabilities();
    own->effective &= ~MaskOf(CAP_SETPCAP);
    own->permitted &= ~MaskOf(CAP_SETPCAP);
    if (!SetOwnCapabilities(*own)) return std::string("cannot be without CAP_SETPCAP");
    return Text(*GiveUpInEveryThread({.bounding = 0}, kPatience));
  });
  EXPECT_EQ(said, "1 threads; bounding set kept");
}

TEST_F(ProcessSurrender, AThreadThatDoesNotAnswerIsReported) {
  const std::string said = InChild([] {
    if (!BeAmbient()) return std::string("cannot be made ambient");
    std::atomic<bool> deaf = false;
    std::thread([&deaf] {
      const uint64_t all = ~uint64_t{0};
      syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, nullptr, sizeof(all));
      pthread_setname_np(pthread_self(), "deaf");
      deaf = true;
      Rest();
    }).detach();
    while (!deaf) std::this_thread::yield();
    return Text(*GiveUpInEveryThread({}, std::chrono::milliseconds(100)));
  });
  EXPECT_TRUE(said.starts_with("1 threads; deaf: it did not answer within 100 ms (")) << said;
}

TEST_F(ProcessSurrender, WhoeverHandledTheSignalBeforeDoesSoAgain) {
  const std::string said = InChild([] {
    if (!BeAmbient()) return std::string("cannot be made ambient");
    std::thread(Rest).detach();
    if (!GiveUpInEveryThread({}, kPatience)->failed.empty()) return std::string("not given up");
    // Glibc's setuid asks every thread by the same signal, and waits for them.
    if (setuid(65534) != 0) return std::string("setuid");
    const size_t others =
        ThreadsLike([](const auto& thread) { return thread.sets.effective != 0; });
    return others == 0 ? std::string() : std::string("a thread is still root");
  });
  EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace sonde
