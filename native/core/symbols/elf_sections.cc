#include "core/symbols/elf_sections.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace sonde {
namespace {

/// Of the names of all sections. A build with a section per function has many, but files that run are linked.
constexpr uint64_t kMaxSectionNameBytes = 1 << 20;
constexpr uint32_t kMaxSections = 1 << 16;
/// Of one. Without ends among them, the names of 65,536 sections would each be as long as all of them together.
constexpr size_t kMaxSectionName = 255;

std::string NameAt(const std::vector<char>& names, uint32_t at) {
  if (at >= names.size()) return {};
  const char* name = names.data() + at;
  return {name, strnlen(name, std::min(names.size() - at, kMaxSectionName))};
}

template <typename Header>
Result<std::vector<ElfSection>> ReadSectionsOf(const TargetFile& file, const ElfHeaders& headers) {
  std::vector<ElfSection> sections;
  const uint32_t count = std::min(
      {headers.sections.count, kMaxSections, static_cast<uint32_t>(file.size() / sizeof(Header))});
  if (count == 0) return sections;
  std::vector<Header> table(count);
  const auto table_bytes = std::as_writable_bytes(std::span(table));
  const auto read = file.ReadAt(table_bytes, headers.sections.file_offset);
  if (!read) return read.error();
  if (*read != table_bytes.size())
    return Error{ENOEXEC, "ELF: the section headers lie behind the file's end"};

  const Header texts = headers.sections.names < count ? table[headers.sections.names] : Header{};
  std::vector<char> names(std::min({uint64_t{texts.sh_size}, kMaxSectionNameBytes, file.size()}));
  const auto names_read = file.ReadAt(std::as_writable_bytes(std::span(names)), texts.sh_offset);
  if (!names_read) return names_read.error();
  names.resize(*names_read);

  for (const Header& header : table) {
    if (header.sh_type == SHT_NOBITS || header.sh_offset > file.size()) continue;
    sections.push_back({.name = NameAt(names, header.sh_name),
                        .type = header.sh_type,
                        .svma = header.sh_addr,
                        .file_offset = header.sh_offset,
                        .size = std::min<uint64_t>(header.sh_size, file.size() - header.sh_offset),
                        .entry_size = header.sh_entsize,
                        .compressed = (header.sh_flags & SHF_COMPRESSED) != 0});
  }
  return sections;
}

}  // namespace

Result<std::vector<ElfSection>> ReadElfSections(const TargetFile& file, const ElfHeaders& headers) {
  return headers.is_64_bit ? ReadSectionsOf<Elf64_Shdr>(file, headers)
                           : ReadSectionsOf<Elf32_Shdr>(file, headers);
}

const ElfSection* FindSection(const std::vector<ElfSection>& sections, std::string_view name) {
  const auto found = std::find_if(sections.begin(), sections.end(),
                                  [&](const ElfSection& section) { return section.name == name; });
  return found == sections.end() ? nullptr : &*found;
}

}  // namespace sonde
