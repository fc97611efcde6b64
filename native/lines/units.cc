#include "lines/units.h"

#include <dwarf.h>

namespace sonde {

Units FindUnits(const DwarfFile& file, const Wanted& wanted) {
  Units units;
  Dwarf_CU* unit = nullptr;
  Dwarf_Half version = 0;
  uint8_t type = 0;
  Dwarf_Die die, inner;
  while (dwarf_get_units(file.dwarf(), unit, &unit, &version, &type, &die, &inner) == 0) {
    if (type == DW_UT_type || type == DW_UT_split_type) continue;
    UnitWork work{die, {}};
    VisitWantedIn(&die, file, wanted,
                  [&](uint64_t, uint32_t position) { work.positions.push_back(position); });
    if (work.positions.empty()) continue;
    if (type == DW_UT_skeleton) {
      units.split += work.positions.size();
    } else {
      units.work.push_back(std::move(work));
    }
  }
  return units;
}

}  // namespace sonde
