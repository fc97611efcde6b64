#include "lines/dwarf_file.h"

#include <gelf.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace sonde {
namespace {

Error Failure(const std::string& what) { return Error{0, what}; }

/// nullptr where there is none of that name.
Elf_Scn* SectionOf(Elf* elf, std::string_view wanted) {
  size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return nullptr;
  for (Elf_Scn* section = elf_nextscn(elf, nullptr); section != nullptr;
       section = elf_nextscn(elf, section)) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const char* name = elf_strptr(elf, names, header.sh_name);
    if (name != nullptr && name == wanted) return section;
  }
  return nullptr;
}

/// Why libdw found nothing in a file that may have DWARF.
std::string WhyNone(Elf* elf) {
  Elf_Scn* const section = SectionOf(elf, ".debug_info");
  GElf_Chdr compression;
  if (section != nullptr && gelf_getchdr(section, &compression) != nullptr) {
    return compression.ch_type == ELFCOMPRESS_ZLIB
               ? "its DWARF could not be inflated"
               : "its DWARF is compressed in a way that this libelf cannot inflate";
  }
  return "its DWARF cannot be read: " + std::string(dwarf_errmsg(-1));
}

}  // namespace

Result<DwarfFile> DwarfFile::Open(int fd) {
  elf_version(EV_CURRENT);
  Dwarf* const dwarf = dwarf_begin(fd, DWARF_C_READ);
  if (dwarf == nullptr) {
    const std::string reason = dwarf_errmsg(-1);
    Elf* const elf = elf_begin(fd, ELF_C_READ_MMAP, nullptr);
    return Failure(elf == nullptr ? "its DWARF cannot be read: " + reason : WhyNone(elf));
  }
  DwarfFile file;
  file.dwarf_.reset(dwarf);
  Elf* const elf = dwarf_getelf(dwarf);
  file.ReadCode(elf);
  file.has_alternate_ =
      SectionOf(elf, ".gnu_debugaltlink") != nullptr || SectionOf(elf, ".debug_sup") != nullptr;
  return file;
}

void DwarfFile::ReadCode(Elf* elf) {
  size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return;
  for (size_t i = 0; i < count; i++) {
    GElf_Phdr header;
    if (gelf_getphdr(elf, static_cast<int>(i), &header) == nullptr) return;
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    code_.push_back({header.p_vaddr, header.p_vaddr + header.p_memsz});
  }
  std::sort(code_.begin(), code_.end(),
            [](const Range& one, const Range& two) { return one.start < two.start; });
}

bool DwarfFile::IsCode(uint64_t svma) const {
  return std::any_of(code_.begin(), code_.end(), [svma](const Range& range) {
    return svma >= range.start && svma < range.end;
  });
}

}  // namespace sonde
