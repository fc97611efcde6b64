#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/perf/window_sections.h"

namespace sonde {

/// The stacks of a window as they stand in the samples of perf.data: addresses behind markers that say whose they are.
class CallChains {
 public:
  /// Native frames become addresses in their process again (stated address + bias). Reason frames are no addresses and
  /// interpreted frames have none: a call chain has no place for either.
  explicit CallChains(const WindowSections& window);

  struct Chain {
    std::span<const uint64_t> entries;
    /// PERF_RECORD_MISC_*: whose code the leaf is.
    uint16_t cpumode;
    /// The leaf stands behind the first marker; a chain without addresses has neither.
    uint64_t Leaf() const { return entries.empty() ? 0 : entries[1]; }
  };
  /// Of a stack's number; without entries where there is no such stack.
  Chain Of(uint32_t stack) const;

 private:
  void Append(std::span<const uint32_t> frames);

  std::span<const uint8_t> frame_kinds_;
  std::vector<uint64_t> frame_addresses_;
  std::vector<uint64_t> entries_;
  std::vector<size_t> offsets_{0};
  std::vector<uint16_t> cpumodes_;
};

}  // namespace sonde
