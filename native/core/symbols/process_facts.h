#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "core/symbols/process_status.h"

namespace sonde {

/// What decides whether a file is a process's own.
struct ProcessFacts : ProcessStatus {
  /// When it began, as StartTicksOf.
  uint64_t start_ticks = 0;
  /// The same, CLOCK_MONOTONIC in nanoseconds; to about 10 ms.
  uint64_t began = 0;
  /// Whose /tmp it has. One that has ended has none any more.
  enum class Tmp : uint8_t { kAgents, kAnother, kGone } tmp = Tmp::kGone;
};

/// Of a process that has not been waited for; nothing where there is none.
std::optional<ProcessFacts> ReadProcessFacts(pid_t pid);

}  // namespace sonde
