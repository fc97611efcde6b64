#pragma once

#include <cstdint>
#include <optional>

#include "core/unwind/dwarf_cursor.h"

namespace sonde {

/// What pointers may be relative to.
struct PointerBases {
  /// Svma of the first byte of what the cursor reads (pcrel).
  uint64_t section = 0;
  /// Svma of what the section calls data (datarel); nothing where that is not known.
  std::optional<uint64_t> data = {};
};

/// A pointer of a 64-bit file, written in `encoding` (DW_EH_PE_*). 0 stays 0: no pointer. The cursor fails where that
/// cannot be read: relative to an unknown base, or an address in the process's memory where the pointer lies (indirect).
uint64_t ReadEncodedPointer(DwarfCursor& cursor, uint8_t encoding, const PointerBases& bases);

}  // namespace sonde
