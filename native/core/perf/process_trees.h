#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/perf/process_traits.h"

namespace sonde {

/// Which processes descend from which others. What was seen to be a descendant stays one when those between it and the
/// root have ended, as a perf event's inheritance has it.
class ProcessTrees {
 public:
  /// Further roots have no descendants.
  static constexpr size_t kMaxRoots = 64;

  /// From now on the trees of these processes are wanted. One that does not live has none, also when another process gets
  /// its number later. What is known of roots that were wanted before stays. `living`: all processes.
  void Watch(std::span<const uint32_t> roots, std::span<const ProcessTraits> living);
  void OnFork(uint32_t parent, uint32_t child);
  /// Its descendants stay.
  void Forget(uint32_t pid) { members_.erase(pid); }

  bool Contains(uint32_t root, uint32_t pid) const;
  /// Whether it is in any tree.
  bool Knows(uint32_t pid) const { return members_.contains(pid); }
  const std::vector<uint32_t>& roots() const { return roots_; }

 private:
  /// A bit for each of the roots.
  using Mask = uint64_t;

  Mask MaskOf(uint32_t root) const;
  bool HasMembers(uint32_t root) const;
  void Descend(std::span<const ProcessTraits> living);

  std::vector<uint32_t> roots_;
  std::unordered_map<uint32_t, Mask> members_;
};

}  // namespace sonde
