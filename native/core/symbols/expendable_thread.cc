#include "core/symbols/expendable_thread.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

namespace sonde {

/// What the owner and all its threads see; it lives as long as the last of them.
struct ExpendableThread::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  /// By name.
  std::map<std::string, Task> stuck;

  int CountStuck(std::string Task::*whose, const Task& like) const;
  std::optional<Outcome> Refuse(const Task& task) const;
};

/// One thread's order; guarded by Shared::mutex.
struct ExpendableThread::Worker {
  std::function<void()> work;
  bool has_work = false;
  bool dismissed = false;
};

int ExpendableThread::Shared::CountStuck(std::string Task::*whose, const Task& like) const {
  if ((like.*whose).empty()) return 0;
  return static_cast<int>(std::ranges::count_if(
      stuck, [&](const auto& entry) { return entry.second.*whose == like.*whose; }));
}

/// Why it is not begun; nothing where it may be.
std::optional<ExpendableThread::Outcome> ExpendableThread::Shared::Refuse(const Task& task) const {
  if (stuck.contains(task.name)) return Outcome::kStuck;
  const bool too_many = CountStuck(&Task::owner, task) >= kMaxStuckOfOwner ||
                        CountStuck(&Task::user, task) >= kMaxStuckOfUser;
  if (too_many) return Outcome::kNotForOwner;
  if (stuck.size() >= kMaxStuck) return Outcome::kNoThread;
  return std::nullopt;
}

ExpendableThread::ExpendableThread() : shared_(std::make_shared<Shared>()) {}

ExpendableThread::~ExpendableThread() {
  const std::lock_guard lock(shared_->mutex);
  if (worker_) worker_->dismissed = true;
  shared_->changed.notify_all();
}

int ExpendableThread::stuck() const {
  const std::lock_guard lock(shared_->mutex);
  return static_cast<int>(shared_->stuck.size());
}

ExpendableThread::Outcome ExpendableThread::Run(const std::string& name, std::function<void()> work,
                                                Clock::time_point deadline) {
  return Run(Task{.name = name}, std::move(work), deadline);
}

ExpendableThread::Outcome ExpendableThread::Run(const Task& task, std::function<void()> work,
                                                Clock::time_point deadline) {
  std::unique_lock lock(shared_->mutex);
  if (const auto refused = shared_->Refuse(task)) return *refused;
  if (!worker_) {
    auto worker = std::make_shared<Worker>();
    try {
      std::thread(Serve, shared_, worker).detach();
    } catch (const std::system_error&) {
      return Outcome::kNoThread;  // the process may not have another thread
    }
    worker_ = std::move(worker);
  }
  const auto worker = worker_;
  worker->work = [shared = shared_, worker, name = task.name, work = std::move(work)] {
    work();
    const std::lock_guard done(shared->mutex);
    worker->has_work = false;
    if (worker->dismissed) shared->stuck.erase(name);
  };
  worker->has_work = true;
  shared_->changed.notify_all();
  if (shared_->changed.wait_until(lock, deadline, [&] { return !worker->has_work; })) {
    return Outcome::kDone;
  }
  worker->dismissed = true;
  shared_->stuck.emplace(task.name, task);
  worker_.reset();
  return Outcome::kLate;
}

void ExpendableThread::Serve(std::shared_ptr<Shared> shared, std::shared_ptr<Worker> worker) {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(shared->mutex);
      shared->changed.wait(lock, [&] { return worker->has_work || worker->dismissed; });
      if (!worker->has_work) return;
      work = std::move(worker->work);
    }
    work();
    shared->changed.notify_all();
    const std::lock_guard lock(shared->mutex);
    if (worker->dismissed) return;
  }
}

std::string ReasonOf(ExpendableThread::Outcome outcome) {
  switch (outcome) {
    case ExpendableThread::Outcome::kDone:
      return {};
    case ExpendableThread::Outcome::kLate:
      return "reading it took too long";
    case ExpendableThread::Outcome::kStuck:
      return "reading it has not ended since an earlier window";
    case ExpendableThread::Outcome::kNotForOwner:
      return "too many files of the same user or container block their readers";
    case ExpendableThread::Outcome::kNoThread:
      return "too many files block their readers";
  }
  return {};
}

}  // namespace sonde
