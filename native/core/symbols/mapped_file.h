#pragma once

#include <sys/types.h>

#include <string>

#include "core/symbols/target_file.h"

namespace sonde {

/// Where process `pid` has the file mapped, as /proc/PID/map_files names it: `55d0-55d1`. Told by device and inode, or
/// by the path where the inode is not known. Error: ENOENT where no mapping fits.
Result<std::string> FindMappedRange(pid_t pid, const std::string& path,
                                    const FileIdentity& identity);

}  // namespace sonde
