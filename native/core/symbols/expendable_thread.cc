#include "core/symbols/expendable_thread.h"

#include <condition_variable>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>

namespace sonde {

/// What the owner and all its threads see; it lives as long as the last of them.
struct ExpendableThread::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::string> stuck;
};

/// One thread's order; guarded by Shared::mutex.
struct ExpendableThread::Worker {
  std::function<void()> work;
  bool has_work = false;
  bool dismissed = false;
};

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
  std::unique_lock lock(shared_->mutex);
  if (shared_->stuck.contains(name)) return Outcome::kStuck;
  if (shared_->stuck.size() >= kMaxStuck) return Outcome::kNoThread;
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
  worker->work = [shared = shared_, worker, name, work = std::move(work)] {
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
  shared_->stuck.insert(name);
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

}  // namespace sonde
