#include "core/symbols/symbol_table.h"

#include <algorithm>
#include <cstring>

#include "core/symbols/symbol_table_builder.h"

namespace sonde {
namespace {

constexpr size_t kMaxNameBytes = 8192;
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
  if ((name & kDynamic) != 0) return ReadName(exports, strings_.exports, offset);
  return kept_names_.empty() ? ReadName(symbols, strings_.symbols, offset) : KeptName(offset);
}

std::string SymbolTable::KeptName(uint32_t offset) const {
  return offset < kept_names_.size() ? std::string(kept_names_.data() + offset) : std::string();
}

std::vector<std::span<const std::byte>> SymbolTable::Content() const {
  return {std::as_bytes(std::span(entries_)), std::as_bytes(std::span(&strings_, 1)),
          std::as_bytes(std::span(kept_names_))};
}

std::string SymbolTable::ReadName(const TargetFile& file, const StringTable& strings,
                                  uint32_t offset) {
  if (offset >= strings.size) return {};
  std::string name;
  // Most names are shorter than the first piece.
  for (size_t piece = 128; name.size() < kMaxNameBytes; piece = 1024) {
    const size_t start = name.size();
    const uint64_t left = strings.size - offset - start;
    name.resize(start + std::min<uint64_t>({piece, left, kMaxNameBytes - start}));
    const auto into = std::as_writable_bytes(std::span(name).subspan(start));
    const auto count = file.ReadAt(into, strings.file_offset + offset + start);
    const size_t read = count ? *count : 0;
    const size_t end = name.find('\0', start);
    if (end < start + read) {
      name.resize(end);
      return name;
    }
    // A name without an end: the file is damaged, or was cut meanwhile.
    if (read < into.size() || into.empty()) return {};
  }
  return name;
}

}  // namespace sonde
