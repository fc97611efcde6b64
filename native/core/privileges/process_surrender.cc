#include "core/privileges/process_surrender.h"

#include <dirent.h>
#include <signal.h>

#include <atomic>
#include <charconv>
#include <cstring>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "core/base/small_file.h"
#include "core/privileges/thread_signal.h"

namespace sonde {
namespace {

using SurrenderClock = std::chrono::steady_clock;

constexpr size_t kMaxThreadStatusBytes = 16 << 10;
constexpr std::chrono::milliseconds kBetweenLooks(1);

/// For the handler. Written before the first signal is sent.
Surrender current_surrender;
/// The last errno of any thread, 0 for none.
std::atomic<int> handler_error = 0;

void OnSurrenderSignal(int, siginfo_t* info, void*) {
  const int before = errno;
  // Only ours: it is libc's signal, and nobody else is to trigger this.
  if (info->si_code == SI_TKILL && info->si_pid == getpid()) {
    const int error = GiveUp(current_surrender);
    if (error != 0) handler_error = error;
  }
  errno = before;
}

struct SeenThread {
  pid_t tid;
  ThreadCapabilities capabilities;
};

Result<std::vector<pid_t>> OwnThreads() {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir("/proc/self/task"), closedir);
  if (!stream) return SystemError("open(/proc/self/task)");
  std::vector<pid_t> tids;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    pid_t tid = 0;
    const auto [stop, error] = std::from_chars(name.begin(), name.end(), tid);
    if (error == std::errc{} && stop == name.end()) tids.push_back(tid);
  }
  return tids;
}

Result<std::string> FileOfThread(pid_t tid, const char* name) {
  return ReadSmallFile("/proc/self/task/" + std::to_string(tid) + "/" + name,
                       kMaxThreadStatusBytes);
}

class Round {
 public:
  explicit Round(const Surrender& surrender) : surrender_(surrender) {}

  /// Looks at every thread, and asks those that have something left and were not asked yet.
  Status Look() {
    const auto tids = OwnThreads();
    if (!tids) return tids.error();
    done_ = 0;
    left_.clear();
    for (const pid_t tid : *tids) LookAt(tid);
    // What a thread that is gone was asked does not hold for the next one of its number.
    const std::set<pid_t> alive(tids->begin(), tids->end());
    std::erase_if(asked_, [&](pid_t tid) { return !alive.contains(tid); });
    return Ok();
  }

  size_t done() const { return done_; }
  const std::vector<SeenThread>& left() const { return left_; }

 private:
  void LookAt(pid_t tid) {
    const auto status = FileOfThread(tid, "status");
    if (!status) return;  // it has ended
    auto capabilities = ThreadCapabilities::Parse(*status);
    if (capabilities.HasGivenUp(surrender_)) {
      done_++;
      return;
    }
    // Once only: one that came late would find another handler. EAGAIN: too many signals wait.
    const bool asked = asked_.contains(tid) || SendThreadSignal(tid);
    if (asked) asked_.insert(tid);
    left_.push_back({tid, std::move(capabilities)});
  }

  const Surrender surrender_;
  std::set<pid_t> asked_;
  std::vector<SeenThread> left_;
  size_t done_ = 0;
};

/// Until every thread is done, or it is time.
Status AskUntil(Round& round, SurrenderClock::time_point deadline) {
  for (;;) {
    auto looked = round.Look();
    if (!looked || round.left().empty() || SurrenderClock::now() >= deadline) return looked;
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

SurrenderReport::Failure FailureOf(const SeenThread& thread, std::chrono::milliseconds patience) {
  auto name = FileOfThread(thread.tid, "comm");
  if (name && name->ends_with('\n')) name->pop_back();
  const int error = handler_error;
  const std::string late = "it did not answer within " + std::to_string(patience.count()) +
                           " ms (" + thread.capabilities.state + ")";
  return {.tid = thread.tid,
          .name = name ? *name : std::string(),
          .reason = error == 0 ? late : std::string("capset: ") + strerror(error)};
}

/// The bounding set stays as it is where it may not be changed.
Surrender Possible(Surrender surrender) {
  const auto own = OwnCapabilities();
  const bool may = own && (own->effective & MaskOf(CAP_SETPCAP)) != 0;
  if (!may) surrender.bounding = ~CapabilityMask{0};
  return surrender;
}

}  // namespace

Result<SurrenderReport> GiveUpInEveryThread(Surrender wanted, std::chrono::milliseconds patience) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  const auto before = FileOfThread(gettid(), "status");
  const Surrender surrender = Possible(wanted);
  current_surrender = surrender;
  handler_error = GiveUp(surrender);
  if (!before) return before.error();

  ThreadSignalHandler handler(OnSurrenderSignal);
  Round round(surrender);
  const auto asked = AskUntil(round, SurrenderClock::now() + patience);
  if (!asked) return asked.error();
  SurrenderReport report;
  report.threads = round.done();
  report.bounding_kept =
      (ThreadCapabilities::Parse(*before).bounding & surrender.bounding & ~wanted.bounding) != 0;
  for (const SeenThread& thread : round.left()) {
    report.failed.push_back(FailureOf(thread, patience));
  }
  // A signal that is still under way must not meet libc's own handler.
  if (report.failed.empty()) handler.Remove();
  return report;
}

}  // namespace sonde
