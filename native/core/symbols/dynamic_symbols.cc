#include "core/symbols/dynamic_symbols.h"

#include <elf.h>

#include <algorithm>
#include <span>

namespace sonde {
namespace {

/// Of .gnu.hash: numbers of buckets, of the first symbol in it, of the filter's words, and a shift; u32 each.
constexpr uint64_t kHashHeaderBytes = 16;
/// Symbols of one bucket that are looked at. Linkers make some two of them; a forged one is without end.
constexpr uint32_t kMaxChain = 4096;

uint32_t HashOfName(const std::string& name) {
  uint32_t hash = 5381;
  for (const char letter : name) hash = hash * 33 + static_cast<unsigned char>(letter);
  return hash;
}

}  // namespace

template <typename Value>
std::optional<Value> DynamicSymbols::At(uint64_t file_offset) const {
  Value value;
  const auto read = file_.ReadAt(std::as_writable_bytes(std::span(&value, 1)), file_offset);
  if (!read || *read != sizeof(value)) return std::nullopt;
  return value;
}

std::optional<DynamicSymbols> DynamicSymbols::Open(const TargetFile& file,
                                                   std::vector<ElfSection> sections) {
  DynamicSymbols symbols(file, std::move(sections));
  const ElfSection* hash = FindSection(symbols.sections_, ".gnu.hash");
  const ElfSection* table = FindSection(symbols.sections_, ".dynsym");
  const ElfSection* names = FindSection(symbols.sections_, ".dynstr");
  if (hash == nullptr || table == nullptr || names == nullptr) return std::nullopt;
  symbols.hash_ = *hash;
  symbols.symbols_ = *table;
  symbols.names_ = *names;
  const auto header = symbols.At<std::array<uint32_t, 4>>(hash->file_offset);
  if (!header || (*header)[0] == 0) return std::nullopt;
  symbols.buckets_ = (*header)[0];
  symbols.first_symbol_ = (*header)[1];
  symbols.bloom_words_ = (*header)[2];
  return symbols;
}

bool DynamicSymbols::HasName(uint64_t name_offset, const std::string& name) const {
  if (name_offset >= names_.size || names_.size - name_offset <= name.size()) return false;
  std::string found(name.size() + 1, 'x');
  const auto read =
      file_.ReadAt(std::as_writable_bytes(std::span(found)), names_.file_offset + name_offset);
  return read && *read == found.size() && found.back() == '\0' && found.starts_with(name);
}

std::optional<DynamicSymbols::Found> DynamicSymbols::Find(const std::string& name) const {
  const uint32_t hash = HashOfName(name);
  const uint64_t buckets = hash_.file_offset + kHashHeaderBytes + uint64_t{bloom_words_} * 8;
  const uint64_t chains = buckets + uint64_t{buckets_} * 4;
  const auto first = At<uint32_t>(buckets + uint64_t{hash % buckets_} * 4);
  if (!first || *first < first_symbol_) return std::nullopt;
  for (uint32_t step = 0; step < kMaxChain; step++) {
    const uint64_t number = uint64_t{*first} + step;
    const auto known = At<uint32_t>(chains + (number - first_symbol_) * 4);
    if (!known) return std::nullopt;
    if ((*known | 1) == (hash | 1)) {
      const auto symbol = At<Elf64_Sym>(symbols_.file_offset + number * sizeof(Elf64_Sym));
      if (symbol && symbol->st_shndx != SHN_UNDEF && HasName(symbol->st_name, name)) {
        return Found{.svma = symbol->st_value, .size = symbol->st_size};
      }
    }
    if ((*known & 1) != 0) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<int32_t> DynamicSymbols::Constant(const std::string& name) const {
  const auto found = Find(name);
  if (!found || found->size != sizeof(int32_t)) return std::nullopt;
  for (const ElfSection& section : sections_) {
    if (section.svma == 0 || found->svma < section.svma) continue;
    const uint64_t inside = found->svma - section.svma;
    if (inside < section.size) return At<int32_t>(section.file_offset + inside);
  }
  return 0;
}

}  // namespace sonde
