#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/name_table.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// The tables that are merged into one. Either may be absent.
struct SymbolParts {
  const TargetFile* symbols =
      nullptr;  ///< .symtab of this file: the image's own, or of another of the same code
  const TargetFile* exports = nullptr;  ///< .dynsym of the image
  /// Names of .symtab are copied: its file will not be at hand when one is reported.
  bool keep_names = false;
};

/// The functions of one image by stated address, in 16 bytes each. Names stay in the files: they are read when one is
/// reported, from a TargetFile of the same identity. Only those of a compressed section are kept.
///
/// .symtab and .dynsym are merged. An address belongs to the innermost function that states to cover it
/// (st_value ≤ svma < st_value + st_size); one that no function covers has no name: what lies between the exported
/// functions of a stripped library is not the nearest one's.
///
/// Assembler routines may state no size. They are believed only where .symtab lists them, because only there does the
/// next symbol mean their end: up to the next symbol of any size or their section's end, 4 KiB at most.
class SymbolTable {
 public:
  /// What a look-up found. `symbol` is good for `NameOf`, and equal for equal functions.
  struct Match {
    uint32_t symbol;
    uint32_t offset;  ///< bytes from the function's start
  };

  /// Reads the file's symbols, of which at most `max_bytes` are kept. Errors: ENOEXEC where it is no ELF file of this
  /// machine, E2BIG where it has too many.
  static Result<SymbolTable> Read(const TargetFile& file, size_t max_bytes);

  static Result<SymbolTable> Read(const SymbolParts& parts, size_t max_bytes);

  std::optional<Match> Find(uint64_t svma) const;

  /// As the file spells it, at most 8 KiB of it. Empty where it can no longer be read.
  std::string NameOf(uint32_t symbol, const TargetFile& file) const {
    return NameOf(symbol, file, file);
  }
  /// `symbols`, `exports`: as in SymbolParts.
  std::string NameOf(uint32_t symbol, const TargetFile& symbols, const TargetFile& exports) const;

  /// The same of a table that keeps the names of .symtab and has no others.
  std::string KeptNameOf(uint32_t symbol) const;

  size_t size() const { return entries_.size(); }
  size_t bytes() const { return entries_.capacity() * sizeof(Entry) + kept_names_.capacity(); }

  /// Of two tables with the same content all answers are the same for the same files.
  std::vector<std::span<const std::byte>> Content() const;

  /// Where names are read from; of size 0 where none are.
  const NameTable& symbol_names() const { return strings_.symbols; }
  const NameTable& export_names() const { return strings_.exports; }

 private:
  friend class SymbolTableBuilder;
  struct Entry {
    uint64_t svma;
    uint32_t size;
    uint32_t name;  ///< offset in its string table, and the flags below
  };
  /// The name stands in .dynstr.
  static constexpr uint32_t kDynamic = 1u << 31;
  /// An earlier symbol reaches behind this one's end: look further where this one does not cover an address.
  static constexpr uint32_t kWithinAnother = 1u << 30;
  static constexpr uint32_t kNameMask = kWithinAnother - 1;

  /// The name is at hand: no file is asked.
  std::string KeptName(uint32_t offset) const;

  std::vector<Entry> entries_;  ///< by svma, each address once
  /// .strtab and .dynstr.
  struct {
    NameTable symbols;
    NameTable exports;
  } strings_;
  /// Names of .symtab where they are kept, each with its end.
  std::vector<char> kept_names_;
};

}  // namespace sonde
