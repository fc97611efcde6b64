#pragma once

#include <elf.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "core/symbols/elf_headers.h"
#include "core/symbols/symbol_table.h"

namespace sonde {

/// Reads the symbol tables of one file and makes a SymbolTable of them. Everything the file says is checked against the
/// file's size before memory is spent on it.
class SymbolTableBuilder {
 public:
  static Result<SymbolTable> Build(const TargetFile& file, size_t max_symbols);

 private:
  struct Section {
    uint32_t type;
    uint32_t link;
    uint64_t flags;
    uint64_t svma;
    uint64_t file_offset;
    uint64_t size;
  };
  /// A symbol on its way into the table.
  struct Candidate {
    SymbolTable::Entry entry;
    uint32_t section;
    uint8_t binding;  ///< STB_*
    bool sized;       ///< the file states its size
  };

  SymbolTableBuilder(const TargetFile& file, size_t max_symbols)
      : file_(file), max_symbols_(max_symbols) {}

  template <typename Header>
  Status ReadSections(const SectionHeaderTable& table);
  template <typename Symbol>
  Status ReadSymbols(uint32_t section_type);
  template <typename Symbol>
  Status AddSymbols(std::span<const Symbol> symbols, uint32_t flags);
  template <typename Symbol>
  std::optional<Candidate> CandidateOf(const Symbol& symbol, uint32_t flags);
  const Section* ExecutableSection(uint32_t index) const;

  void ChooseAliases();
  bool IsBetter(const Candidate& a, const Candidate& b);
  void BoundUnsized();
  void MarkNested();
  std::string NameOf(const Candidate& candidate);

  const TargetFile& file_;
  const size_t max_symbols_;
  std::vector<Section> sections_;
  std::vector<Candidate> candidates_;
  SymbolTable table_;
  unsigned names_read_ = 0;
};

}  // namespace sonde
