// Makes small ELF files in memory: one executable section, symbols as a test wants them.
#pragma once

#include <elf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/symbols/target_file.h"

namespace sonde {

inline constexpr uint64_t kTextSvma = 0x401000;
inline constexpr uint64_t kTextBytes = 0x8000;

struct TestSymbol {
  std::string name;
  uint64_t svma;
  uint64_t size;
  unsigned type = STT_FUNC;
  unsigned binding = STB_GLOBAL;
  uint16_t section = 1;  ///< .text
};

struct TestSection {
  std::string name;
  std::string bytes;
  uint64_t svma = 0;
  uint64_t flags = 0;
  uint64_t entry_size = 0;
  uint32_t type = SHT_PROGBITS;
};

struct TestElf {
  std::vector<TestSymbol> symbols;
  std::vector<TestSymbol> dynamic_symbols;
  std::vector<uint8_t> build_id = {0xab, 0xcd, 0xef};
  std::vector<TestSection> sections = {};
  /// Added to the address of the executable segment.
  uint64_t moved = 0;
  /// Changes the bytes of .symtab and .strtab, and flags them as compressed.
  std::string (*compress)(const std::string&) = nullptr;

  std::string Bytes() const;
};

/// A regular file without a name.
inline TargetFile FileOf(const std::string& bytes) {
  UniqueFd fd(memfd_create("test", MFD_CLOEXEC));
  if (write(fd.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) abort();
  return std::move(*TargetFile::FromDescriptor(std::move(fd)));
}

namespace elf_builder {

template <typename Value>
std::string BytesOf(const Value& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

struct Table {
  std::string symbols;
  std::string names = std::string(1, '\0');
};

inline Table Encode(const std::vector<TestSymbol>& symbols) {
  Table table;
  table.symbols = BytesOf(Elf64_Sym{});
  for (const TestSymbol& symbol : symbols) {
    Elf64_Sym encoded = {};
    encoded.st_name = static_cast<Elf64_Word>(table.names.size());
    encoded.st_info = static_cast<unsigned char>(ELF64_ST_INFO(symbol.binding, symbol.type));
    encoded.st_shndx = symbol.section;
    encoded.st_value = symbol.svma;
    encoded.st_size = symbol.size;
    table.symbols += BytesOf(encoded);
    table.names += symbol.name + '\0';
  }
  return table;
}

inline std::string Note(const std::vector<uint8_t>& build_id) {
  if (build_id.empty()) return {};
  Elf64_Nhdr note = {};
  note.n_namesz = 4;
  note.n_descsz = static_cast<Elf64_Word>(build_id.size());
  note.n_type = NT_GNU_BUILD_ID;
  std::string bytes = BytesOf(note) + std::string("GNU\0", 4);
  bytes.append(build_id.begin(), build_id.end());
  bytes.resize((bytes.size() + 3) & ~size_t{3});
  return bytes;
}

}  // namespace elf_builder

inline std::string TestElf::Bytes() const {
  using namespace elf_builder;
  Table table = Encode(symbols);
  const Table dynamic = Encode(dynamic_symbols);
  const uint64_t flags = compress == nullptr ? 0 : SHF_COMPRESSED;
  if (compress != nullptr) table = {compress(table.symbols), compress(table.names)};
  const std::string note = Note(build_id);
  const uint64_t note_at = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
  const uint64_t symbols_at = note_at + note.size();
  const uint64_t names_at = symbols_at + table.symbols.size();
  const uint64_t dynamic_at = names_at + table.names.size();
  const uint64_t dynamic_names_at = dynamic_at + dynamic.symbols.size();
  const uint64_t more_at = dynamic_names_at + dynamic.names.size();
  std::string more;
  std::string section_names = std::string(1, '\0');
  const auto name_section = [&section_names](const std::string& name) {
    section_names += name + '\0';
    return static_cast<uint32_t>(section_names.size() - name.size() - 1);
  };

  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
#if defined(__aarch64__)
  header.e_machine = EM_AARCH64;
#else
  header.e_machine = EM_X86_64;
#endif
  header.e_type = ET_EXEC;
  header.e_phoff = sizeof(Elf64_Ehdr);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 2;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<uint16_t>(7 + sections.size());
  header.e_shstrndx = 6;

  Elf64_Phdr load = {};
  load.p_type = PT_LOAD;
  load.p_flags = PF_R | PF_X;
  load.p_offset = 0x1000;
  load.p_vaddr = kTextSvma + moved;
  load.p_filesz = load.p_memsz = kTextBytes;
  Elf64_Phdr notes = {};
  notes.p_type = PT_NOTE;
  notes.p_offset = note_at;
  notes.p_filesz = note.size();
  notes.p_align = 4;

  const auto section = [&](const char* name, uint32_t type, uint64_t section_flags, uint64_t svma,
                           uint64_t offset, uint64_t size, uint32_t link) {
    Elf64_Shdr made = {};
    made.sh_name = name_section(name);
    made.sh_type = type;
    made.sh_flags = section_flags;
    made.sh_addr = svma;
    made.sh_offset = offset;
    made.sh_size = size;
    made.sh_link = link;
    return made;
  };
  std::vector<Elf64_Shdr> headers = {
      Elf64_Shdr{},
      // Without its bytes, as in a debug file.
      section(".text", SHT_NOBITS, SHF_ALLOC | SHF_EXECINSTR, kTextSvma, 0x1000, kTextBytes, 0),
      section(".symtab", symbols.empty() ? SHT_NOBITS : SHT_SYMTAB, flags, 0, symbols_at,
              table.symbols.size(), 3),
      section(".strtab", SHT_STRTAB, flags, 0, names_at, table.names.size(), 0),
      section(".dynsym", SHT_DYNSYM, SHF_ALLOC, 0, dynamic_at, dynamic.symbols.size(), 5),
      section(".dynstr", SHT_STRTAB, SHF_ALLOC, 0, dynamic_names_at, dynamic.names.size(), 0),
      section(".shstrtab", SHT_STRTAB, 0, 0, 0, 0, 0)};
  for (const TestSection& one : sections) {
    headers.push_back(section(one.name.c_str(), one.type, one.flags, one.svma,
                              more_at + more.size(), one.bytes.size(), 0));
    headers.back().sh_entsize = one.entry_size;
    more += one.bytes;
  }
  headers[6].sh_offset = more_at + more.size();
  headers[6].sh_size = section_names.size();
  header.e_shoff = headers[6].sh_offset + headers[6].sh_size;
  std::string bytes = BytesOf(header) + BytesOf(load) + BytesOf(notes) + note + table.symbols +
                      table.names + dynamic.symbols + dynamic.names + more + section_names;
  for (const Elf64_Shdr& one : headers) bytes += BytesOf(one);
  return bytes;
}

}  // namespace sonde
