#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace sonde {

/// What decides whether a file is a process's own.
struct ProcessFacts {
  uid_t real_uid = 0;
  uid_t effective_uid = 0;
  /// What the process calls itself: its number in the innermost pid namespace.
  pid_t inner_pid = 0;
  /// When it began, in ticks since the machine was started: with its number it tells a process from all others.
  uint64_t start_ticks = 0;
  /// The same, CLOCK_MONOTONIC in nanoseconds; to about 10 ms.
  uint64_t began = 0;
  /// Whose /tmp it has. One that has ended has none any more.
  enum class Tmp : uint8_t { kAgents, kAnother, kGone } tmp = Tmp::kGone;
};

/// Of a process that has not been waited for; nothing where there is none.
std::optional<ProcessFacts> ReadProcessFacts(pid_t pid);

}  // namespace sonde
