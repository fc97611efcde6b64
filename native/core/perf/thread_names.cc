#include "core/perf/thread_names.h"

#include <utility>

namespace sonde {
namespace {

/// Threads of which names are kept; then they are learnt anew.
constexpr size_t kMaxNamedThreads = 1 << 16;
/// Of one thread: as many as it is likely to have within the second that a sample may be late.
constexpr size_t kMaxNamesOfThread = 8;

}  // namespace

void ThreadNames::Add(uint32_t tid, uint64_t time, std::string_view name) {
  if (threads_.size() >= kMaxNamedThreads && !threads_.contains(tid)) threads_.clear();
  std::vector<Name>& names = threads_[tid];
  if (names.size() == kMaxNamesOfThread) names.erase(names.begin());
  names.push_back({.since = time, .text = std::string(name)});
}

void ThreadNames::OnFork(uint32_t parent_tid, uint32_t tid, uint64_t time) {
  const auto name = At(parent_tid, time);
  std::string inherited(name.value_or(""));
  Forget(tid);
  if (name) Add(tid, time, inherited);
}

std::optional<std::string_view> ThreadNames::At(uint32_t tid, uint64_t time) const {
  const auto found = threads_.find(tid);
  if (found == threads_.end()) return std::nullopt;
  const std::vector<Name>& names = found->second;
  for (size_t index = names.size(); index-- > 1;) {
    if (names[index].since <= time) return names[index].text;
  }
  return names.front().text;
}

}  // namespace sonde
