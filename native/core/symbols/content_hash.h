#pragma once

#include <array>
#include <cstdint>

#include "core/base/result.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// OpenTelemetry's `process.executable.build_id.htlhash`: the first 16 bytes of SHA-256 over the first 4096 bytes, the last
/// 4096 bytes, and the length as a big-endian u64. In files shorter than 8192 bytes the two parts overlap.
using ContentHash = std::array<uint8_t, 16>;

/// Reads 8 KiB. Error: the file's, or EIO where it became shorter meanwhile.
Result<ContentHash> ContentHashOf(const TargetFile& file);

}  // namespace sonde
