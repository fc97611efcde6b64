#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace sonde {

/// What the events of groups stood at when their leader was sampled last.
class GroupCounts {
 public:
  /// What the event has counted since it was asked before. A thread that inherited it counts for itself; 0: nobody did.
  uint64_t Since(uint64_t id, uint32_t tid, uint64_t value);

  void OnExit(uint32_t tid);
  /// Forgets threads that exited before the window: their last samples may be in the ring of another CPU still.
  void EndWindow();

 private:
  /// By thread, then by event.
  std::unordered_map<uint32_t, std::unordered_map<uint64_t, uint64_t>> counts_;
  std::vector<uint32_t> exited_;
  std::vector<uint32_t> exited_before_;
};

}  // namespace sonde
