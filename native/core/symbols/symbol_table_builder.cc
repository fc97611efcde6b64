#include "core/symbols/symbol_table_builder.h"

#include <algorithm>
#include <string_view>

#include "core/symbols/inflate.h"

namespace sonde {
namespace {

constexpr uint64_t kMaxUnsizedBytes = 4096;
constexpr size_t kChunkSymbols = 8192;
/// Of a compressed section.
constexpr size_t kMaxInflatedBytes = 32 << 20;
/// Symbols looked at in one file, wanted or not. Chromium with all its symbols has about a million.
constexpr uint64_t kMaxSymbolsRead = 8 << 20;

/// Names are read here to choose between aliases only: about 12,000 for node. A hostile file would have millions read.
constexpr unsigned kMaxNamesRead = 200'000;

Error Damaged(const char* what) { return Error{ENOEXEC, std::string("ELF: ") + what}; }

unsigned LeadingUnderscores(std::string_view name) {
  return static_cast<unsigned>(std::min(name.find_first_not_of('_'), name.size()));
}

/// As `nm` writes the version of a symbol that new programs are not linked with; the default has two signs.
bool IsOldVersion(std::string_view name) {
  const size_t sign = name.find('@');
  return sign != std::string_view::npos && !name.substr(sign).starts_with("@@");
}

/// Local labels of the assembler and the mapping symbols of ARM mark places in functions.
bool IsFunctionName(std::string_view name) {
  return !name.empty() && !name.starts_with('$') && !name.starts_with(".L");
}

}  // namespace

Result<SymbolTable> SymbolTableBuilder::Build(const SymbolParts& parts, size_t max_bytes) {
  SymbolTableBuilder builder(max_bytes, parts.keep_names);
  if (parts.symbols != nullptr) {
    const auto added = builder.AddPart(*parts.symbols, SHT_SYMTAB, 0);
    if (!added) return added.error();
  }
  if (parts.exports != nullptr) {
    const auto added = builder.AddPart(*parts.exports, SHT_DYNSYM, uint32_t{SymbolTable::kDynamic});
    if (!added) return added.error();
  }
  builder.ChooseAliases();
  builder.BoundUnsized();
  builder.MarkNested();
  const auto kept = builder.KeepNames();
  if (!kept) return kept.error();
  return std::move(builder.table_);
}

Status SymbolTableBuilder::AddPart(const TargetFile& file, uint32_t type, uint32_t flags) {
  const auto headers = ElfHeaders::Read(file);
  if (!headers) return headers.error();
  parts_.push_back({.file = file, .type = type, .flags = flags, .sections = {}, .strings = {}});
  const bool wide = headers->is_64_bit;
  const auto sections = wide ? ReadSections<Elf64_Shdr>(headers->sections)
                             : ReadSections<Elf32_Shdr>(headers->sections);
  if (!sections) return sections;
  parts_.back().is_64_bit = wide;
  return wide ? ReadSymbols<Elf64_Sym>() : ReadSymbols<Elf32_Sym>();
}

template <typename Header>
Status SymbolTableBuilder::ReadSections(const SectionHeaderTable& table) {
  Part& part = parts_.back();
  const uint64_t file_size = part.file.size();
  std::vector<Header> headers(std::min<uint64_t>(table.count, file_size / sizeof(Header)));
  const auto bytes = std::as_writable_bytes(std::span(headers));
  const auto read = part.file.ReadAt(bytes, table.file_offset);
  if (!read) return read.error();
  if (*read != bytes.size()) return Damaged("the section headers lie behind the file's end");
  for (const auto& header : headers) {
    Section section{header.sh_type, header.sh_link,   header.sh_flags,
                    header.sh_addr, header.sh_offset, header.sh_size};
    const bool has_bytes = section.type != SHT_NOBITS;
    // A debug file keeps the headers of sections whose bytes it does not hold (NOBITS): those still say what is code.
    if (has_bytes && section.file_offset > file_size) section.size = 0;
    if (has_bytes) section.size = std::min(section.size, file_size - section.file_offset);
    part.sections.push_back(section);
  }
  return Ok();
}

Result<SymbolTableBuilder::Content> SymbolTableBuilder::ContentOf(const Section& section) {
  const Part& part = parts_.back();
  if ((section.flags & SHF_COMPRESSED) == 0) {
    return Content{&part.file, {section.file_offset, section.size}};
  }
  // What the loader reads is never compressed.
  if (part.type == SHT_DYNSYM) return Damaged("compressed exports");
  const auto bytes = ReadSection(part.file,
                                 {.name = "symbols",
                                  .file_offset = section.file_offset,
                                  .size = section.size,
                                  .compressed = true},
                                 part.is_64_bit, kMaxInflatedBytes);
  if (!bytes) return bytes.error();
  auto memory = FileInMemory(*bytes);
  if (!memory) return memory.error();
  keep_names_ = true;
  inflated_.push_back(std::move(*memory));
  return Content{&inflated_.back(), {0, bytes->size()}};
}

template <typename Symbol>
Status SymbolTableBuilder::ReadSymbols() {
  Part& part = parts_.back();
  const auto section =
      std::find_if(part.sections.begin(), part.sections.end(),
                   [&](const Section& candidate) { return candidate.type == part.type; });
  if (section == part.sections.end() || section->link >= part.sections.size()) return Ok();
  const Section& strings = part.sections[section->link];
  if (strings.type != SHT_STRTAB) return Ok();
  const auto names = ContentOf(strings);
  if (!names) return names.error();
  part.strings = *names;
  const auto symbols = ContentOf(*section);
  if (!symbols) return symbols.error();

  const uint64_t count = symbols->range.size / sizeof(Symbol);
  if (count > kMaxSymbolsRead) return Error{E2BIG, "ELF: too many symbols"};
  std::vector<Symbol> chunk(std::min<uint64_t>(count, kChunkSymbols));
  for (uint64_t at = 0; at < count; at += chunk.size()) {
    chunk.resize(std::min<uint64_t>(chunk.size(), count - at));
    const auto bytes = std::as_writable_bytes(std::span(chunk));
    const auto read =
        symbols->file->ReadAt(bytes, symbols->range.file_offset + at * sizeof(Symbol));
    if (!read) return read.error();
    if (*read != bytes.size()) return Damaged("the symbols lie behind the file's end");
    const auto added = AddSymbols<Symbol>(chunk);
    if (!added) return added;
  }
  return Ok();
}

template <typename Symbol>
Status SymbolTableBuilder::AddSymbols(std::span<const Symbol> symbols) {
  const size_t max_symbols = max_bytes_ / sizeof(SymbolTable::Entry);
  for (const Symbol& symbol : symbols) {
    auto candidate = CandidateOf(symbol);
    if (!candidate) continue;
    if (candidates_.size() == max_symbols) return Error{E2BIG, "ELF: too many functions"};
    candidates_.push_back(*candidate);
  }
  return Ok();
}

template <typename Symbol>
std::optional<SymbolTableBuilder::Candidate> SymbolTableBuilder::CandidateOf(const Symbol& symbol) {
  const uint32_t flags = parts_.back().flags;
  const unsigned type = symbol.st_info & 0xf;
  const bool function = type == STT_FUNC || type == STT_GNU_IFUNC;
  if ((!function && type != STT_NOTYPE) || symbol.st_shndx == SHN_UNDEF) return std::nullopt;
  if (symbol.st_name == 0 || symbol.st_name > SymbolTable::kNameMask) return std::nullopt;
  const Section* section = ExecutableSection(symbol.st_shndx);
  if (section == nullptr) return std::nullopt;
  // Also drops the linker's marks of a section's end, such as _etext.
  if (uint64_t{symbol.st_value} - section->svma >= section->size) return std::nullopt;
  const bool sized = symbol.st_size != 0;
  if (!sized && (flags & SymbolTable::kDynamic) != 0) return std::nullopt;
  Candidate candidate{
      {symbol.st_value, static_cast<uint32_t>(std::min<uint64_t>(symbol.st_size, UINT32_MAX)),
       symbol.st_name | flags},
      symbol.st_shndx,
      static_cast<uint8_t>(symbol.st_info >> 4),
      sized};
  if (!function && !IsFunctionName(NameOf(candidate))) return std::nullopt;
  return candidate;
}

const SymbolTableBuilder::Section* SymbolTableBuilder::ExecutableSection(uint32_t index) const {
  const Part& part = parts_.back();
  if (index >= part.sections.size()) return nullptr;
  const Section& section = part.sections[index];
  return (section.flags & SHF_EXECINSTR) != 0 ? &section : nullptr;
}

std::string SymbolTableBuilder::NameOf(const Candidate& candidate) {
  if (++names_read_ > kMaxNamesRead) return {};
  const Content& strings = PartOf(candidate).strings;
  return strings.range.NameAt(*strings.file, candidate.entry.name & SymbolTable::kNameMask);
}

const SymbolTableBuilder::Part& SymbolTableBuilder::PartOf(const Candidate& candidate) const {
  const uint32_t dynamic = candidate.entry.name & SymbolTable::kDynamic;
  return parts_.front().flags == dynamic ? parts_.front() : parts_.back();
}

/// One of the symbols at each address: the choice is perf's but for old versions, and the same each time.
void SymbolTableBuilder::ChooseAliases() {
  std::stable_sort(
      candidates_.begin(), candidates_.end(),
      [](const Candidate& a, const Candidate& b) { return a.entry.svma < b.entry.svma; });
  size_t kept = 0;
  for (size_t i = 0; i < candidates_.size(); i++) {
    if (kept > 0 && candidates_[kept - 1].entry.svma == candidates_[i].entry.svma) {
      Candidate& best = candidates_[kept - 1];
      if (IsBetter(candidates_[i], best)) best = candidates_[i];
    } else {
      candidates_[kept++] = candidates_[i];
    }
  }
  candidates_.resize(kept);
}

/// Whether `a` is the better of two names of one address: sized, not weak, global, of .symtab, not kept for old programs only
/// (glibc's `free` is `cfree@GLIBC_2.2.5` as well), with fewer leading underscores, longer.
bool SymbolTableBuilder::IsBetter(const Candidate& a, const Candidate& b) {
  const auto rank = [](const Candidate& candidate) {
    return std::array{candidate.sized, candidate.binding != STB_WEAK,
                      candidate.binding == STB_GLOBAL,
                      (candidate.entry.name & SymbolTable::kDynamic) == 0};
  };
  if (rank(a) != rank(b)) return rank(a) > rank(b);
  // The first that the file lists stays where nothing speaks for the other.
  const std::string name_a = NameOf(a);
  const std::string name_b = NameOf(b);
  if (IsOldVersion(name_a) != IsOldVersion(name_b)) return IsOldVersion(name_b);
  if (LeadingUnderscores(name_a) != LeadingUnderscores(name_b)) {
    return LeadingUnderscores(name_a) < LeadingUnderscores(name_b);
  }
  return name_a.size() > name_b.size();
}

/// Gives symbols without a size their end, and drops those inside a function that states its own: labels.
void SymbolTableBuilder::BoundUnsized() {
  uint64_t covered = 0;  // end of the functions seen so far
  size_t kept = 0;
  for (size_t i = 0; i < candidates_.size(); i++) {
    Candidate candidate = candidates_[i];
    SymbolTable::Entry& entry = candidate.entry;
    if (!candidate.sized) {
      if (entry.svma < covered) continue;
      const Section& section = PartOf(candidate).sections[candidate.section];
      uint64_t room = section.svma + section.size - entry.svma;
      if (i + 1 < candidates_.size()) {
        room = std::min(room, candidates_[i + 1].entry.svma - entry.svma);
      }
      entry.size = static_cast<uint32_t>(std::min(room, kMaxUnsizedBytes));
    } else {
      covered = std::max(covered, entry.svma + std::min<uint64_t>(entry.size, ~entry.svma));
    }
    candidates_[kept++] = candidate;
  }
  candidates_.resize(kept);
}

/// Moves what is left into the table, and marks what lies within another function.
void SymbolTableBuilder::MarkNested() {
  table_.entries_.reserve(candidates_.size());
  uint64_t covered = 0;
  for (const Candidate& candidate : candidates_) {
    SymbolTable::Entry entry = candidate.entry;
    const uint64_t end = entry.svma + std::min<uint64_t>(entry.size, ~entry.svma);
    if (covered > end) entry.name |= SymbolTable::kWithinAnother;
    covered = std::max(covered, end);
    table_.entries_.push_back(entry);
  }
}

/// Where the file of .symtab will not be at hand: its names are copied, one after another.
Status SymbolTableBuilder::KeepNames() {
  for (const Part& part : parts_) {
    (part.type == SHT_DYNSYM ? table_.strings_.exports : table_.strings_.symbols) =
        part.strings.range;
  }
  if (!keep_names_) return Ok();
  table_.strings_.symbols = {};
  auto& names = table_.kept_names_;
  names.push_back('\0');
  for (SymbolTable::Entry& entry : table_.entries_) {
    if ((entry.name & SymbolTable::kDynamic) != 0) continue;
    const Content& strings = parts_.front().strings;
    const std::string name =
        strings.range.NameAt(*strings.file, entry.name & SymbolTable::kNameMask);
    const size_t bytes = table_.entries_.size() * sizeof(entry) + names.size() + name.size() + 1;
    if (bytes > max_bytes_ || names.size() > SymbolTable::kNameMask) {
      return Error{E2BIG, "ELF: too many names"};
    }
    entry.name = (entry.name & SymbolTable::kWithinAnother) | static_cast<uint32_t>(names.size());
    names.insert(names.end(), name.c_str(), name.c_str() + name.size() + 1);
  }
  names.shrink_to_fit();
  return Ok();
}

}  // namespace sonde
