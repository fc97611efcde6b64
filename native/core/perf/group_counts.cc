#include "core/perf/group_counts.h"

#include <utility>

namespace sonde {

uint64_t GroupCounts::Since(uint64_t id, uint32_t tid, uint64_t value) {
  uint64_t& last = counts_[tid][id];
  // A thread that has the number of one that is gone begins anew.
  const uint64_t since = value >= last ? value - last : value;
  last = value;
  return since;
}

void GroupCounts::OnExit(uint32_t tid) {
  if (counts_.contains(tid)) exited_.push_back(tid);
}

void GroupCounts::EndWindow() {
  for (const uint32_t tid : exited_before_) counts_.erase(tid);
  exited_before_ = std::exchange(exited_, {});
}

}  // namespace sonde
