#pragma once

#include <cstdint>
#include <string>

#include "core/symbols/target_file.h"

namespace sonde {

/// A part of a file with names, each ended by a zero.
struct NameTable {
  uint64_t file_offset = 0;
  uint64_t size = 0;

  /// The name at an offset, at most 8 KiB of it. Empty where it has no end, or can no longer be read.
  std::string NameAt(const TargetFile& file, uint64_t offset) const;
};

}  // namespace sonde
