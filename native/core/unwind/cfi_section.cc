#include "core/unwind/cfi_section.h"

#include <string_view>

#include "core/unwind/dwarf_constants.h"
#include "core/unwind/encoded_pointer.h"

namespace sonde {
namespace {

/// A length that says that the length follows in 64 bits.
constexpr uint32_t kLongLength = 0xffffffff;
constexpr uint8_t kAddressBytes = 8;
/// "zPLRSB" and its kin; the one of old compilers is "eh".
constexpr size_t kMaxAugmentation = 15;

/// What version 4 says of addresses: whether they are ours.
bool HasFlatAddresses(DwarfCursor& cursor, uint8_t version) {
  if (version < 4) return true;
  const auto address_bytes = cursor.Read<uint8_t>();
  const auto segment_bytes = cursor.Read<uint8_t>();
  return address_bytes == kAddressBytes && segment_bytes == 0;
}

/// The address of the personality routine is of no use here, and so may be encoded in any way.
void SkipPersonality(DwarfCursor& cursor) {
  constexpr uint8_t kFormat = 0x0f;
  const auto encoding = cursor.Read<uint8_t>();
  if (encoding != DW_EH_PE_omit) ReadEncodedPointer(cursor, encoding & kFormat, {});
}

/// Reads what the letters of `augmentation` stand for. False at a letter that is not known.
bool ReadAugmentationData(DwarfCursor& cursor, std::string_view augmentation, Cie& cie) {
  for (const char letter : augmentation) {
    switch (letter) {
      case 'R':
        cie.pointer_encoding = cursor.Read<uint8_t>();
        break;
      case 'L':
        cursor.Read<uint8_t>();
        break;
      case 'P':
        SkipPersonality(cursor);
        break;
      case 'S':
        cie.signal_frame = true;
        break;
      case 'B':  // aarch64: signed with the other key
      case 'G':  // aarch64: the stack is tagged
        break;
      default:
        return false;
    }
  }
  return true;
}

/// From behind the augmentation string to the instructions. The cursor fails where an augmentation is not known and
/// cannot be skipped.
void ReadCieBody(DwarfCursor& cursor, uint8_t version, std::string_view augmentation, Cie& cie) {
  cie.code_alignment = cursor.ReadUleb();
  cie.data_alignment = cursor.ReadSleb();
  const uint64_t column = version == 1 ? cursor.Read<uint8_t>() : cursor.ReadUleb();
  if (column >= kMaxRegisters) cursor.Fail();
  cie.return_address = static_cast<uint8_t>(column);
  if (augmentation.starts_with('z')) {
    cie.sized_augmentation = true;
    DwarfCursor data(cursor.ReadBytes(cursor.ReadUleb()));
    ReadAugmentationData(data, augmentation.substr(1), cie);
    if (!data.ok()) cursor.Fail();
  } else if (!ReadAugmentationData(cursor, augmentation, cie)) {
    cursor.Fail();
  }
}

}  // namespace

CfiEntry CfiSection::EntryAt(size_t offset) const {
  CfiEntry entry;
  DwarfCursor cursor(bytes(), offset);
  uint64_t length = cursor.Read<uint32_t>();
  const bool is_long = length == kLongLength;
  if (is_long) length = cursor.Read<uint64_t>();
  const size_t start = cursor.offset();
  if (!cursor.ok() || length > bytes().size() - start) return entry;
  entry.kind = CfiEntry::Kind::kOther;
  entry.end = start + length;
  // The id of .eh_frame has 32 bits in any case.
  const bool long_id = is_long && format_ == CfiFormat::kDebugFrame;
  if (length < (long_id ? sizeof(uint64_t) : sizeof(uint32_t))) return entry;
  const uint64_t id = long_id ? cursor.Read<uint64_t>() : cursor.Read<uint32_t>();
  const bool eh_frame = format_ == CfiFormat::kEhFrame;
  const uint64_t cie_id = eh_frame ? 0 : long_id ? ~uint64_t{0} : kLongLength;
  entry.kind = id == cie_id ? CfiEntry::Kind::kCie : CfiEntry::Kind::kFde;
  entry.body = cursor.offset();
  // A place before the section's start becomes one behind its end.
  entry.cie = eh_frame ? start - id : id;
  return entry;
}

Cie CfiSection::ReadCieAt(size_t offset) const {
  Cie cie;
  const CfiEntry entry = EntryAt(offset);
  if (entry.kind != CfiEntry::Kind::kCie) return cie;
  DwarfCursor cursor = Cursor(entry.body, entry.end);
  const auto version = cursor.Read<uint8_t>();
  if (version != 1 && version != 3 && version != 4) return cie;
  std::string_view letters = cursor.ReadText(kMaxAugmentation);
  if (!HasFlatAddresses(cursor, version)) return cie;
  if (letters.starts_with("eh")) {
    cursor.Read<uint64_t>();  // a pointer for the exceptions of GCC 2
    letters.remove_prefix(2);
  }
  ReadCieBody(cursor, version, letters, cie);
  cie.instructions = {cursor.offset(), entry.end};
  cie.readable = cursor.ok();
  return cie;
}

Fde CfiSection::ReadFde(const CfiEntry& entry) const {
  if (entry.kind != CfiEntry::Kind::kFde) return {};
  Fde fde{.cie = ReadCieAt(entry.cie)};
  if (!fde.cie.readable) return fde;
  constexpr uint8_t kFormat = 0x0f;
  DwarfCursor cursor = Cursor(entry.body, entry.end);
  fde.svma = ReadEncodedPointer(cursor, fde.cie.pointer_encoding, {.section = svma()});
  fde.size = ReadEncodedPointer(cursor, fde.cie.pointer_encoding & kFormat, {});
  if (fde.cie.sized_augmentation) cursor.ReadBytes(cursor.ReadUleb());
  fde.instructions = {cursor.offset(), entry.end};
  // Code of 2^63 bytes and more is a negative number.
  fde.readable = cursor.ok() && static_cast<int64_t>(fde.size) >= 0;
  return fde;
}

}  // namespace sonde
