#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace sonde {

/// One thread for work that may block for ever, such as reading a file of a dead server: work that is not done in time
/// is left to its thread, and the next gets a new one. Of threads left like that only a few may be alive, fewer yet for
/// work on what one owner or one user has, so that nobody takes the threads of all; each ends by itself when its work does.
/// `Run` is called by one thread at a time.
class ExpendableThread {
 public:
  using Clock = std::chrono::steady_clock;
  struct Task {
    /// Tells this work from all other.
    std::string name;
    /// Whose threads are counted together, and as what user, who may have many such owners. Empty where it is not known.
    std::string owner = {};
    std::string user = {};
  };
  enum class Outcome {
    kDone,
    /// Still running, on a thread that was given up.
    kLate,
    /// Not begun: work of this name is still stuck from an earlier call.
    kStuck,
    /// Not begun: too many threads are stuck with work on what the owner or the user has.
    kNotForOwner,
    /// Not begun: too many threads are stuck.
    kNoThread,
  };
  static constexpr int kMaxStuck = 16;
  static constexpr int kMaxStuckOfUser = 8;
  static constexpr int kMaxStuckOfOwner = 4;

  ExpendableThread();
  ~ExpendableThread();
  ExpendableThread(const ExpendableThread&) = delete;
  ExpendableThread& operator=(const ExpendableThread&) = delete;

  /// Runs `work` and waits for it. It may outlive the call and this object, so it must own what it uses.
  Outcome Run(const Task& task, std::function<void()> work, Clock::time_point deadline);
  Outcome Run(const std::string& name, std::function<void()> work, Clock::time_point deadline);

  /// Threads that are given up and still alive.
  int stuck() const;

 private:
  struct Shared;
  struct Worker;
  static void Serve(std::shared_ptr<Shared> shared, std::shared_ptr<Worker> worker);

  std::shared_ptr<Shared> shared_;
  std::shared_ptr<Worker> worker_;
};

/// Why work on a file that was not done was not; empty for kDone.
std::string ReasonOf(ExpendableThread::Outcome outcome);

}  // namespace sonde
