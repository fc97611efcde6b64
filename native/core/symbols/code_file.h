#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/symbols/process_facts.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// A process whose files say what code it made.
struct CodeMaker {
  pid_t pid = 0;
  /// What is known of it: now, or from when it was last seen.
  std::optional<ProcessFacts> facts = {};
  /// Whether it can be asked: `facts` are of now, and it has a root directory.
  bool alive = false;
  /// It was there at that time, or began then; CLOCK_MONOTONIC in nanoseconds.
  uint64_t since = 0;
};

/// The perf-map of a process: `/tmp/perf-PID.map` as the process sees it, by the number that it has for itself. Of one that
/// has ended: the agent's own file of that name. It is the process's own file, or root's; nobody else can have written
/// into it, and it was written since the process began. Error: ENOENT where there is none.
Result<TargetFile> OpenPerfMap(const CodeMaker& maker);

/// The jitdump that a process has mapped, by the same rules. `path` and `identity`: of the mapping.
Result<TargetFile> OpenJitdump(const CodeMaker& maker, const std::string& path,
                               const FileIdentity& identity);

}  // namespace sonde
