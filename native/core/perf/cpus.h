#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace sonde {

/// The numbers of a list as /sys/devices/system/cpu/online has it: `0-3,8`.
std::vector<int> ParseCpuList(std::string_view text);
Result<std::vector<int>> ReadCpuList(const std::string& path);

inline constexpr char kOnlineCpus[] = "/sys/devices/system/cpu/online";
Result<std::vector<int>> OnlineCpus();
/// Those that are in the machine: what is offline may come online.
Result<std::vector<int>> PresentCpus();

/// How long each CPU has been idle since boot, nanoseconds, by CPU number; 0 for CPUs that are not online. Waiting for
/// I/O is idle too: the idle task runs.
std::vector<uint64_t> ParseIdleTimes(std::string_view proc_stat);
Result<std::vector<uint64_t>> IdleTimes();

}  // namespace sonde
