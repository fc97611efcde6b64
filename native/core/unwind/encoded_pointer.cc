#include "core/unwind/encoded_pointer.h"

#include "core/unwind/dwarf_constants.h"

namespace sonde {
namespace {

constexpr uint8_t kFormatBits = 0x0f;
constexpr uint8_t kBaseBits = 0xf0;

/// A number widened by its sign.
template <typename Value>
uint64_t ReadSigned(DwarfCursor& cursor) {
  return static_cast<uint64_t>(int64_t{cursor.Read<Value>()});
}

uint64_t ReadFormat(DwarfCursor& cursor, uint8_t format) {
  switch (format) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
      return cursor.Read<uint64_t>();
    case DW_EH_PE_uleb128:
      return cursor.ReadUleb();
    case DW_EH_PE_sleb128:
      return static_cast<uint64_t>(cursor.ReadSleb());
    case DW_EH_PE_udata2:
      return cursor.Read<uint16_t>();
    case DW_EH_PE_udata4:
      return cursor.Read<uint32_t>();
    case DW_EH_PE_sdata2:
      return ReadSigned<int16_t>(cursor);
    case DW_EH_PE_sdata4:
      return ReadSigned<int32_t>(cursor);
    default:
      cursor.Fail();
      return 0;
  }
}

}  // namespace

uint64_t ReadEncodedPointer(DwarfCursor& cursor, uint8_t encoding, const PointerBases& bases) {
  const uint64_t place = bases.section + cursor.offset();
  const uint64_t value = ReadFormat(cursor, encoding & kFormatBits);
  switch (encoding & kBaseBits) {
    case DW_EH_PE_absptr:
      return value;
    case DW_EH_PE_pcrel:
      return value == 0 ? 0 : place + value;
    case DW_EH_PE_datarel:
      if (!bases.data) break;
      return *bases.data + value;
    default:
      break;
  }
  cursor.Fail();
  return 0;
}

}  // namespace sonde
