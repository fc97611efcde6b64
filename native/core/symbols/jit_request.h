#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/symbols/naming.h"

namespace sonde {

/// Addresses in code that a process made while it ran, to be looked up in one of the places where runtimes name it.
struct JitRequest {
  enum class Source : uint8_t { kJitdump, kPerfMap };

  Source source = Source::kPerfMap;
  pid_t pid = 0;
  std::vector<uint64_t> addresses = {};  ///< avma
  /// When the addresses were seen, CLOCK_MONOTONIC in nanoseconds.
  uint64_t window_start = 0;
  uint64_t window_end = 0;
  /// When the process began, where that was in the window; 0 otherwise.
  uint64_t began = 0;
  /// It ended in the window: what has its number now is another.
  bool ended = false;
  /// kJitdump: the mapping of the file.
  std::string path = {};
  FileIdentity identity = {};
};

/// What they are called, and where in the source they are.
struct JitResult : NameResult {
  std::vector<std::string> files = {};  ///< distinct
  std::vector<uint32_t> file = {};      ///< per address: 1 + index into the files, 0 where none
  std::vector<uint32_t> line = {};      ///< per address, 0 where none

  static JitResult None(size_t count, std::string problem);
};

}  // namespace sonde
