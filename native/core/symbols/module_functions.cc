#include "core/symbols/module_functions.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "core/symbols/elf_headers.h"
#include "core/symbols/name_table.h"

namespace sonde {
namespace {

constexpr uint32_t kMaxModuleSections = 1 << 16;
constexpr uint64_t kMaxModuleSymbols = 1 << 20;

using SectionTable = std::vector<Elf64_Shdr>;

Result<SectionTable> ReadSectionTable(const TargetFile& file) {
  const auto headers = ElfHeaders::Read(file);
  if (!headers) return headers.error();
  if (!headers->is_64_bit) return Error{ENOEXEC, "it is a 32-bit module"};
  Elf64_Half type = 0;
  const auto type_read =
      file.ReadAt(std::as_writable_bytes(std::span(&type, 1)), offsetof(Elf64_Ehdr, e_type));
  if (!type_read) return type_read.error();
  if (type != ET_REL) return Error{ENOEXEC, "it is no kernel module"};
  SectionTable sections(std::min<uint64_t>(
      {headers->sections.count, kMaxModuleSections, file.size() / sizeof(Elf64_Shdr)}));
  const auto bytes = std::as_writable_bytes(std::span(sections));
  const auto read = file.ReadAt(bytes, headers->sections.file_offset);
  if (!read) return read.error();
  if (*read != bytes.size()) return Error{ENOEXEC, "its section headers lie behind its end"};
  return sections;
}

/// Which section the module's memory begins with; 0 for none. What runs once at its start lies elsewhere.
size_t FirstCode(const TargetFile& file, const SectionTable& sections, const Elf64_Shdr& names) {
  const NameTable texts{names.sh_offset, names.sh_size};
  for (size_t i = 1; i < sections.size(); i++) {
    constexpr uint64_t kCode = SHF_ALLOC | SHF_EXECINSTR;
    if ((sections[i].sh_flags & kCode) != kCode || sections[i].sh_size == 0) continue;
    const std::string name = texts.NameAt(file, sections[i].sh_name);
    if (name.starts_with(".init")) continue;
    // Where it is another one, nothing vouches for the order that the kernel gives them.
    return name == ".text" ? i : 0;
  }
  return 0;
}

}  // namespace

Result<ModuleFunctions> ModuleFunctions::Read(const TargetFile& file) {
  const auto headers = ElfHeaders::Read(file);
  if (!headers) return headers.error();
  const auto sections = ReadSectionTable(file);
  if (!sections) return sections.error();
  if (headers->sections.names >= sections->size()) {
    return Error{ENOEXEC, "its sections have no names"};
  }
  const size_t text = FirstCode(file, *sections, (*sections)[headers->sections.names]);
  if (text == 0) return Error{ENOEXEC, "its code does not begin with .text"};
  const auto table = std::ranges::find_if(
      *sections, [](const Elf64_Shdr& section) { return section.sh_type == SHT_SYMTAB; });
  if (table == sections->end() || table->sh_link >= sections->size()) {
    return Error{ENOEXEC, "it has no symbols (stripped)"};
  }
  const Elf64_Shdr& strings = (*sections)[table->sh_link];
  const NameTable names{strings.sh_offset, strings.sh_size};
  const uint64_t count = std::min(table->sh_size, file.size()) / sizeof(Elf64_Sym);
  if (count > kMaxModuleSymbols) return Error{E2BIG, "it has too many symbols"};
  std::vector<Elf64_Sym> symbols(count);
  const auto read = file.ReadAt(std::as_writable_bytes(std::span(symbols)), table->sh_offset);
  if (!read) return read.error();
  symbols.resize(*read / sizeof(Elf64_Sym));

  ModuleFunctions functions;
  for (const Elf64_Sym& symbol : symbols) {
    const unsigned type = ELF64_ST_TYPE(symbol.st_info);
    const bool is_code = symbol.st_shndx == text && (type == STT_FUNC || type == STT_NOTYPE);
    if (!is_code || symbol.st_size == 0 || symbol.st_size > UINT32_MAX) continue;
    std::string name = names.NameAt(file, symbol.st_name);
    if (name.empty()) continue;
    functions.entries_.push_back(
        {symbol.st_value, symbol.st_value + symbol.st_size, std::move(name)});
  }
  auto& entries = functions.entries_;
  std::ranges::stable_sort(entries, {}, &Entry::begin);
  const auto same = [](const Entry& a, const Entry& b) { return a.begin == b.begin; };
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
  return functions;
}

std::optional<ModuleFunctions::Match> ModuleFunctions::Find(uint64_t offset) const {
  const auto after = std::ranges::upper_bound(entries_, offset, {}, &Entry::begin);
  if (after == entries_.begin()) return std::nullopt;
  const Entry& entry = *(after - 1);
  if (offset >= entry.end) return std::nullopt;
  return Match{entry.name, static_cast<uint32_t>(offset - entry.begin)};
}

}  // namespace sonde
