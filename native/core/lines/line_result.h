#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/lines/line_cache.h"

namespace sonde {

/// What DWARF says of the addresses of one NameRequest, as columns.
struct LineResult {
  static constexpr uint32_t kNoOffset = UINT32_MAX;

  std::vector<std::string> system_names;  ///< distinct functions, as DWARF has them
  std::vector<std::string> functions;     ///< the same, demangled
  std::vector<std::string> files;         ///< distinct source files
  /// Places of address a: offsets[a] … offsets[a + 1], innermost function first.
  std::vector<uint32_t> offsets{0};
  std::vector<uint32_t> function;  ///< per place: 1 + index into the names, 0 where none
  std::vector<uint32_t> file;      ///< per place: 1 + index into `files`, 0 where none
  std::vector<uint32_t> line;      ///< per place: 0 where unknown
  /// Per address: bytes from where the range of the outermost function that covers it begins, and from that function's
  /// entry; kNoOffset where there is no function, or it is entered behind the address.
  std::vector<uint32_t> from_start;
  std::vector<uint32_t> from_entry;
  bool has_dwarf = true;  ///< false where the file is known to have none
  std::string problem;    ///< why some have none; empty where DWARF itself says nothing of them
};

/// What is known of `addresses`, as a result. Texts come from hostile files: they are made printable.
LineResult ToLineResult(const std::vector<uint64_t>& addresses, const ImageLines& known);

/// Nothing is known.
LineResult NoLines(size_t addresses, std::string problem);

}  // namespace sonde
