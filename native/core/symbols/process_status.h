#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace sonde {

/// What procfs says of a process, which no target can block.
struct ProcessStatus {
  uid_t real_uid = 0;  ///< as the agent's user namespace has it, as the next
  uid_t effective_uid = 0;
  /// Its number in the innermost pid namespace.
  pid_t inner_pid = 0;
};

/// Of /proc/PID/status; nothing where there is no such process.
std::optional<ProcessStatus> ReadProcessStatus(pid_t pid);

/// When a process began, in ticks since the machine was started: with its number it tells a process from all others.
/// Nothing where there is none.
std::optional<uint64_t> StartTicksOf(pid_t pid);

}  // namespace sonde
