#pragma once

#include <cstddef>
#include <string>

#include "core/base/result.h"

namespace sonde {

/// The text of a file of /proc or /sys, at most `max_bytes` of it. Relative to the directory `at` (AT_FDCWD for none).
Result<std::string> ReadSmallFile(int at, const std::string& path, size_t max_bytes);
Result<std::string> ReadSmallFile(const std::string& path, size_t max_bytes);

}  // namespace sonde
