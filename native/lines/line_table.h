#pragma once

#include <elfutils/libdw.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "lines/dwarf_file.h"

namespace sonde {

/// A place in the source.
struct Place {
  std::string file;  ///< empty where unknown
  uint32_t line = 0;
};

/// The rows of one unit's line program, and its files.
class LineTable {
 public:
  LineTable(const DwarfFile& file, Dwarf_Die* unit);

  /// What the row that covers the address says; nothing where none does.
  Place At(uint64_t svma) const;
  /// The path of the file that the unit's functions name by `number`; empty for none.
  std::string FileOf(uint64_t number) const;

 private:
  std::string PathOf(const char* path) const;
  void FindForeignRows(uint64_t first_code);

  Dwarf_Die* unit_;
  Dwarf_Files* files_ = nullptr;
  size_t file_count_ = 0;
  /// Where the compiler ran: what other paths are relative to.
  std::string directory_;
  /// Below this svma rows may be of functions that the linker threw away.
  uint64_t trusted_from_ = 0;
};

}  // namespace sonde
