#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <vector>

#include "lines/dwarf_file.h"
#include "lines/wanted.h"

namespace sonde {

/// A compilation unit, and which of the wanted addresses are its.
struct UnitWork {
  Dwarf_Die unit;
  std::vector<uint32_t> positions;
};

struct Units {
  std::vector<UnitWork> work;
  /// Addresses of units whose DWARF is in files of its own (.dwo), which are not read.
  size_t split = 0;
};

/// Goes through all units, by what they themselves say of their code: not every compiler writes .debug_aranges.
Units FindUnits(const DwarfFile& file, const Wanted& wanted);

}  // namespace sonde
