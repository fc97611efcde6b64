#include "core/symbols/jit_namer.h"

#include <algorithm>

#include "core/symbols/file_task.h"

namespace sonde {
namespace {

/// Processes that are remembered; one takes a few hundred bytes and its functions.
constexpr size_t kMaxKept = 512;
/// One process may take half of the time of all.
constexpr int kJitPatienceShare = 2;

std::string JitKeyOf(const JitRequest& request) {
  const bool dump = request.source == JitRequest::Source::kJitdump;
  return (dump ? "jitdump of " : "perf-map of ") + std::to_string(request.pid);
}

}  // namespace

std::vector<JitResult> JitNamer::Name(std::vector<JitRequest> requests,
                                      std::chrono::milliseconds limit) {
  const std::lock_guard lock(busy_);
  const auto deadline = ExpendableThread::Clock::now() + limit;
  const auto patience = std::max(limit / kJitPatienceShare, std::chrono::milliseconds(1));
  std::vector<JitResult> results;
  results.reserve(requests.size());
  for (JitRequest& request : requests) {
    results.push_back(NameOne(std::move(request), deadline, patience));
    Forget();
  }
  return results;
}

JitResult JitNamer::NameOne(JitRequest request, ExpendableThread::Clock::time_point deadline,
                            std::chrono::milliseconds patience) {
  const size_t count = request.addresses.size();
  const auto now = ExpendableThread::Clock::now();
  if (now >= deadline) return JitResult::None(count, "no time left in this window");
  const std::string key = JitKeyOf(request);
  const auto task = TaskOfProcess(request.pid, key);
  auto result = std::make_shared<JitResult>();
  auto work = [request = std::move(request), process = Of(key), result] {
    *result = process->Name(request);
  };
  const auto outcome = thread_.Run(task, std::move(work), std::min(deadline, now + patience));
  if (outcome == ExpendableThread::Outcome::kDone) return std::move(*result);
  return JitResult::None(count, ReasonOf(outcome));
}

std::shared_ptr<JitProcess> JitNamer::Of(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto known =
      std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) { return kept.key == key; });
  if (known == kept_.end()) {
    kept_.push_front({key, std::make_shared<JitProcess>(max_bytes_ / CodeIndex::kBytesEach)});
  } else {
    kept_.splice(kept_.begin(), kept_, known);
  }
  return kept_.front().process;
}

void JitNamer::Forget() {
  while (kept_.size() > kMaxKept || (kept_.size() > 1 && cache_bytes() > max_bytes_)) {
    const std::lock_guard lock(mutex_);
    kept_.pop_back();
  }
}

size_t JitNamer::cache_bytes() const {
  const std::lock_guard lock(mutex_);
  size_t bytes = 0;
  for (const Kept& kept : kept_) bytes += kept.process->bytes();
  return bytes;
}

}  // namespace sonde
