#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sonde {

/// A call chain of the kernel without its context markers.
struct CallChain {
  std::span<const uint64_t> kernel = {};
  std::span<const uint64_t> user = {};
  /// Frames of a guest or of the hypervisor, which belong to no process here.
  size_t others = 0;

  size_t size() const { return kernel.size() + user.size() + others; }

  /// The user's part is the last one (get_perf_callchain), and its words come from the process's memory: one that looks
  /// like a marker would otherwise turn what follows into frames of the kernel.
  static CallChain Split(std::span<const uint64_t> words);
};

}  // namespace sonde
