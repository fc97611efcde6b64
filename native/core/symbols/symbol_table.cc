#include "core/symbols/symbol_table.h"

#include <algorithm>

#include "core/symbols/symbol_table_builder.h"

namespace sonde {
namespace {

/// How far back a look-up goes for a function around others. Real files nest two or three deep.
constexpr int kMaxNesting = 64;

}  // namespace

Result<SymbolTable> SymbolTable::Read(const TargetFile& file, size_t max_bytes) {
  return Read({.symbols = &file, .exports = &file}, max_bytes);
}

Result<SymbolTable> SymbolTable::Read(const SymbolParts& parts, size_t max_bytes) {
  return SymbolTableBuilder::Build(parts, max_bytes);
}

std::optional<SymbolTable::Match> SymbolTable::Find(uint64_t svma) const {
  auto after = std::upper_bound(entries_.begin(), entries_.end(), svma,
                                [](uint64_t at, const Entry& entry) { return at < entry.svma; });
  for (int step = 0; after != entries_.begin() && step < kMaxNesting; step++) {
    const Entry& entry = *--after;
    if (svma - entry.svma < entry.size) {
      return Match{static_cast<uint32_t>(after - entries_.begin()),
                   static_cast<uint32_t>(svma - entry.svma)};
    }
    if ((entry.name & kWithinAnother) == 0) break;
  }
  return std::nullopt;
}

std::string SymbolTable::NameOf(uint32_t symbol, const TargetFile& symbols,
                                const TargetFile& exports) const {
  if (symbol >= entries_.size()) return {};
  const uint32_t name = entries_[symbol].name;
  const uint32_t offset = name & kNameMask;
  if ((name & kDynamic) != 0) return strings_.exports.NameAt(exports, offset);
  return kept_names_.empty() ? strings_.symbols.NameAt(symbols, offset) : KeptName(offset);
}

std::string SymbolTable::KeptNameOf(uint32_t symbol) const {
  return symbol < entries_.size() ? KeptName(entries_[symbol].name & kNameMask) : std::string();
}

std::string SymbolTable::KeptName(uint32_t offset) const {
  return offset < kept_names_.size() ? std::string(kept_names_.data() + offset) : std::string();
}

std::vector<std::span<const std::byte>> SymbolTable::Content() const {
  return {std::as_bytes(std::span(entries_)), std::as_bytes(std::span(&strings_, 1)),
          std::as_bytes(std::span(kept_names_))};
}

}  // namespace sonde
