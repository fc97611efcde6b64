#pragma once

#include <cstdint>

namespace sonde {

/// What the programs of a session counted, since the start. Every run is in one of: kept, filtered, sampled_out,
/// ring_full, contended, failed.
struct CaptureCounts {
  uint64_t runs = 0;
  uint64_t kept = 0;
  uint64_t filtered = 0;
  uint64_t sampled_out = 0;
  uint64_t ring_full = 0;
  uint64_t contended = 0;
  uint64_t failed = 0;
  /// Kept samples whose stack could not be copied as far as it is used.
  uint64_t stack_faults = 0;
  /// Runs that were timed, and how long they took.
  uint64_t timed = 0;
  uint64_t timed_ns = 0;

  /// What has been added to an earlier count.
  CaptureCounts Since(const CaptureCounts& before) const {
    return {.runs = runs - before.runs,
            .kept = kept - before.kept,
            .filtered = filtered - before.filtered,
            .sampled_out = sampled_out - before.sampled_out,
            .ring_full = ring_full - before.ring_full,
            .contended = contended - before.contended,
            .failed = failed - before.failed,
            .stack_faults = stack_faults - before.stack_faults,
            .timed = timed - before.timed,
            .timed_ns = timed_ns - before.timed_ns};
  }
};

struct CapturedOnCpu {
  uint32_t cpu = 0;
  CaptureCounts counts = {};
};

}  // namespace sonde
