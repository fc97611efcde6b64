#pragma once

#include <elf.h>

#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "core/symbols/elf_headers.h"
#include "core/symbols/symbol_table.h"

namespace sonde {

/// Reads symbol tables and makes a SymbolTable of them. Everything a file says is checked against its size before memory
/// is spent on it.
class SymbolTableBuilder {
 public:
  static Result<SymbolTable> Build(const SymbolParts& parts, size_t max_bytes);

 private:
  struct Section {
    uint32_t type;
    uint32_t link;
    uint64_t flags;
    uint64_t svma;
    uint64_t file_offset;
    uint64_t size;
  };
  /// Where the bytes of a section are: in its file, or in memory once it is inflated.
  struct Content {
    const TargetFile* file = nullptr;
    NameTable range;
  };
  /// A file and which of its tables is read.
  struct Part {
    const TargetFile& file;
    uint32_t type;  ///< SHT_SYMTAB or SHT_DYNSYM
    uint32_t flags;
    bool is_64_bit = true;
    std::vector<Section> sections;
    Content strings;
  };
  /// A symbol on its way into the table.
  struct Candidate {
    SymbolTable::Entry entry;
    uint32_t section;
    uint8_t binding;  ///< STB_*
    bool sized;       ///< the file states its size
  };

  SymbolTableBuilder(size_t max_bytes, bool keep_names)
      : max_bytes_(max_bytes), keep_names_(keep_names) {}

  Status AddPart(const TargetFile& file, uint32_t type, uint32_t flags);
  template <typename Header>
  Status ReadSections(const SectionHeaderTable& table);
  template <typename Symbol>
  Status ReadSymbols();
  template <typename Symbol>
  Status AddSymbols(std::span<const Symbol> symbols);
  template <typename Symbol>
  std::optional<Candidate> CandidateOf(const Symbol& symbol);
  const Section* ExecutableSection(uint32_t index) const;
  Result<Content> ContentOf(const Section& section);

  void ChooseAliases();
  bool IsBetter(const Candidate& a, const Candidate& b);
  void BoundUnsized();
  void MarkNested();
  Status KeepNames();
  std::string NameOf(const Candidate& candidate);
  const Part& PartOf(const Candidate& candidate) const;

  const size_t max_bytes_;
  bool keep_names_;
  /// The last one is being read.
  std::list<Part> parts_;
  std::list<TargetFile> inflated_;
  std::vector<Candidate> candidates_;
  SymbolTable table_;
  unsigned names_read_ = 0;
};

}  // namespace sonde
