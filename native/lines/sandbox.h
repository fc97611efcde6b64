#pragma once

#include <cstdint>

namespace sonde {

struct SandboxLimits {
  /// Memory that the process writes to (RLIMIT_DATA).
  uint64_t data_bytes = 0;
  /// Address space on top of that: the mapped file and the libraries (RLIMIT_AS).
  uint64_t mapped_bytes = 0;
  uint64_t cpu_seconds = 0;
};

/// Takes from this process all that reading its open files does not need: privileges, memory, time, other descriptors,
/// and nearly all system calls. There is no way back. Returns what could not be taken, nullptr when all was.
const char* EnterSandbox(const SandboxLimits& limits);

}  // namespace sonde
