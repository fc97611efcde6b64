#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace sonde {

/// What decides which file a path leads to in each process: its mount namespace and its root directory, as a key. Empty
/// where the process is gone or may not be looked into. Asks procfs only, which no target can block.
std::vector<std::string> RootsOfProcesses(const std::vector<pid_t>& pids);

/// The mount namespace of a process; empty where it is gone or may not be looked into.
std::string MountsOf(pid_t pid);

}  // namespace sonde
