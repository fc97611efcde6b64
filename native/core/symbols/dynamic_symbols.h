#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/symbols/elf_sections.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// Looks single names up among the dynamic symbols of a 64-bit file, through its hash table (.gnu.hash): a few reads
/// each, where all names of a file such as Node.js are megabytes.
class DynamicSymbols {
 public:
  struct Found {
    uint64_t svma = 0;
    uint64_t size = 0;
  };

  /// Nothing where the file has no such table, or a damaged one. `file` must live as long.
  static std::optional<DynamicSymbols> Open(const TargetFile& file,
                                            std::vector<ElfSection> sections);

  std::optional<Found> Find(const std::string& name) const;
  /// The constant that a symbol of four bytes stands for, as the file holds it; 0 where it lies in no bytes of the file
  /// (.bss). Nothing where there is no such symbol.
  std::optional<int32_t> Constant(const std::string& name) const;

 private:
  DynamicSymbols(const TargetFile& file, std::vector<ElfSection> sections)
      : file_(file), sections_(std::move(sections)) {}

  template <typename Value>
  std::optional<Value> At(uint64_t file_offset) const;
  bool HasName(uint64_t name_offset, const std::string& name) const;

  const TargetFile& file_;
  std::vector<ElfSection> sections_;
  ElfSection hash_, symbols_, names_;
  uint32_t buckets_ = 0;
  uint32_t first_symbol_ = 0;
  uint32_t bloom_words_ = 0;
};

}  // namespace sonde
