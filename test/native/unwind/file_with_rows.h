#pragma once

#include <elf.h>

#include <cstring>
#include <string>

#include "core/unwind/architecture.h"
#include "symbols/elf_builder.h"
#include "unwind/cfi_builder.h"

namespace sonde::test {

/// A file of nothing but .eh_frame, and a segment of code for it.
inline std::string FileWithRows(const TestFrames& frames,
                                const Architecture& architecture = kThisArchitecture) {
  using elf_builder::BytesOf;
  const std::string names("\0.eh_frame\0.shstrtab\0", 21);
  const ByteString section = frames.EhFrame();
  const std::string rows(section.span().begin(), section.span().end());
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = architecture.machine;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  Elf64_Phdr load = {};
  load.p_type = PT_LOAD;
  load.p_flags = PF_R | PF_X;
  load.p_filesz = load.p_memsz = 1 << 30;
  Elf64_Shdr eh_frame = {};
  eh_frame.sh_name = 1;
  eh_frame.sh_type = SHT_PROGBITS;
  eh_frame.sh_addr = TestFrames::kSvma;
  eh_frame.sh_offset = sizeof(header) + sizeof(load);
  eh_frame.sh_size = rows.size();
  Elf64_Shdr texts = {};
  texts.sh_name = 11;
  texts.sh_type = SHT_STRTAB;
  texts.sh_offset = eh_frame.sh_offset + rows.size();
  texts.sh_size = names.size();
  header.e_shoff = texts.sh_offset + names.size();
  return BytesOf(header) + BytesOf(load) + rows + names + BytesOf(Elf64_Shdr{}) +
         BytesOf(eh_frame) + BytesOf(texts);
}

}  // namespace sonde::test
