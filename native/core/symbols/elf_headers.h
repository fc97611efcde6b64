#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "../base/result.h"
#include "target_file.h"

namespace sonde {

/// A PT_LOAD program header.
struct LoadSegment {
  uint64_t file_offset = 0;
  uint64_t svma = 0;
  uint64_t file_size = 0;
  bool executable = false;
};

/// What the program headers and notes of an ELF file say; enough to turn an address of a process into one of the file.
struct ElfHeaders {
  std::vector<LoadSegment> loads;
  std::vector<uint8_t> build_id;  ///< NT_GNU_BUILD_ID, empty where there is none

  /// Reads a bounded part of the file. Error: ENOEXEC where it is not an ELF file of this machine's class.
  static Result<ElfHeaders> Read(const TargetFile& file);

  /// The stated address of a file offset, where a segment covers it.
  std::optional<uint64_t> SvmaOf(uint64_t file_offset) const;
};

}  // namespace sonde
