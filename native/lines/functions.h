#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "lines/dwarf_file.h"
#include "lines/wanted.h"

namespace sonde {

/// The function at an address, and what was inlined there.
struct FoundFunction {
  Dwarf_Die function;
  uint64_t start = 0;  ///< of the range that covers the address
  uint64_t entry = 0;
  std::vector<Dwarf_Die> inlined;  ///< outermost first
};

/// Finds the functions of one unit that have a wanted address, in one walk through the unit's tree.
class FunctionFinder {
 public:
  FunctionFinder(const DwarfFile& file, const Wanted& wanted) : file_(file), wanted_(wanted) {}

  /// By position; `expected` of them are in the unit. Where functions claim the same address, the innermost has it.
  std::unordered_map<uint32_t, FoundFunction> Find(Dwarf_Die unit, size_t expected);

 private:
  void WalkOutside(Dwarf_Die* parent, int depth);
  void WalkInside(Dwarf_Die* parent, int depth);
  void MeetFunction(Dwarf_Die* function, int depth);
  void MeetInlined(Dwarf_Die* inlined, int depth);

  const DwarfFile& file_;
  const Wanted& wanted_;
  /// Whether to look where functions are seldom: in types, and in functions that have no wanted address themselves.
  bool everywhere_ = false;
  std::unordered_map<uint32_t, FoundFunction> found_;
  std::vector<Dwarf_Die> path_;  ///< inlined, down to where the walk is
};

/// The linkage name, else the name, of a function; of what it was made from, where it has none itself. nullptr for none.
const char* NameOfFunction(Dwarf_Die* function);

}  // namespace sonde
