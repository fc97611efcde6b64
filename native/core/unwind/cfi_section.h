#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/unwind/cfi.h"
#include "core/unwind/dwarf_cursor.h"

namespace sonde {

inline std::span<const uint8_t> BytesOf(const SectionBytes& section) {
  return {reinterpret_cast<const uint8_t*>(section.bytes.data()), section.bytes.size()};
}

/// The two differ in how an entry says what it is.
enum class CfiFormat : uint8_t { kEhFrame, kDebugFrame };

/// Call frame instructions, by their place in the section.
struct CfiInstructions {
  size_t begin = 0;
  size_t end = 0;
};

/// A Common Information Entry: what the entries of many functions share.
struct Cie {
  /// Otherwise there is nothing in it.
  bool readable = false;
  uint64_t code_alignment = 0;
  int64_t data_alignment = 0;
  uint8_t return_address = 0;
  /// DW_EH_PE_* of the addresses in FDEs.
  uint8_t pointer_encoding = 0;
  /// Its FDEs say how long their augmentation data is (z).
  bool sized_augmentation = false;
  bool signal_frame = false;
  CfiInstructions instructions = {};
};

/// A Frame Description Entry: that of one function.
struct Fde {
  /// Otherwise there is nothing in it.
  bool readable = false;
  Cie cie = {};
  uint64_t svma = 0;
  uint64_t size = 0;
  CfiInstructions instructions = {};

  bool Covers(uint64_t address) const { return address >= svma && address - svma < size; }
};

/// An entry of either kind, not looked into.
struct CfiEntry {
  enum class Kind : uint8_t {
    /// Nothing lies there, or less than a whole entry.
    kNone,
    kCie,
    kFde,
    /// Empty (those end the entries of one of the files that were linked), or damaged.
    kOther,
  };
  Kind kind = Kind::kNone;
  /// Of what follows its head, and of the next entry.
  size_t body = 0;
  size_t end = 0;
  /// Of an FDE: where its CIE should lie.
  size_t cie = 0;
};

/// The entries of .eh_frame or .debug_frame. An offset is one within the section, and may be any number.
class CfiSection {
 public:
  CfiSection(SectionBytes section, CfiFormat format)
      : section_(std::move(section)), format_(format) {}

  CfiEntry EntryAt(size_t offset) const;
  Fde ReadFde(const CfiEntry& entry) const;
  Fde ReadFdeAt(size_t offset) const { return ReadFde(EntryAt(offset)); }

  /// Reads from `begin` on and not beyond `end`.
  DwarfCursor Cursor(size_t begin, size_t end) const {
    return DwarfCursor(bytes().first(end), begin);
  }

  std::span<const uint8_t> bytes() const { return BytesOf(section_); }
  uint64_t svma() const { return section_.svma; }
  size_t capacity() const { return section_.bytes.capacity(); }

 private:
  Cie ReadCieAt(size_t offset) const;

  SectionBytes section_;
  CfiFormat format_;
};

}  // namespace sonde
