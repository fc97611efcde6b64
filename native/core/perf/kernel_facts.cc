#include "core/perf/kernel_facts.h"

#include <elf.h>

#include <cstdio>
#include <cstring>
#include <memory>

#include "core/base/small_file.h"

namespace sonde {
namespace {

std::string Hexadecimal(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char byte : bytes) {
    text.push_back(kDigits[static_cast<uint8_t>(byte) >> 4]);
    text.push_back(kDigits[static_cast<uint8_t>(byte) & 15]);
  }
  return text;
}

void ReadTextRange(KernelFacts& facts) {
  const std::unique_ptr<FILE, int (*)(FILE*)> symbols(fopen("/proc/kallsyms", "re"), fclose);
  if (!symbols) return;
  unsigned long address = 0;
  char type = 0;
  char name[256];
  // Modules come last, and have none of the two.
  while ((facts.text == 0 || facts.text_end == 0) &&
         fscanf(symbols.get(), "%lx %c %255s%*[^\n]", &address, &type, name) >= 3) {
    if (strcmp(name, "_text") == 0) facts.text = address;
    if (strcmp(name, "_etext") == 0) facts.text_end = address;
    // Hidden addresses are all 0: the first says it.
    if (address == 0 && strcmp(name, "_text") == 0) return;
  }
}

}  // namespace

std::string BuildIdOfNotes(std::string_view notes) {
  const auto aligned = [](size_t size) { return (size + 3) & ~size_t{3}; };
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr note;
    std::memcpy(&note, notes.data(), sizeof(note));
    notes.remove_prefix(sizeof(note));
    const size_t name_size = aligned(note.n_namesz);
    if (name_size > notes.size() || note.n_descsz > notes.size() - name_size) break;
    const bool gnu = notes.substr(0, note.n_namesz) == std::string_view("GNU\0", 4);
    if (gnu && note.n_type == NT_GNU_BUILD_ID) {
      return Hexadecimal(notes.substr(name_size, note.n_descsz));
    }
    notes.remove_prefix(std::min(notes.size(), name_size + aligned(note.n_descsz)));
  }
  return "";
}

KernelFacts ReadKernelFacts() {
  KernelFacts facts;
  ReadTextRange(facts);
  if (facts.text == 0 || facts.text_end == 0) facts.text = facts.text_end = 0;
  const auto notes = ReadSmallFile("/sys/kernel/notes", 1 << 16);
  if (notes) facts.build_id = BuildIdOfNotes(*notes);
  return facts;
}

}  // namespace sonde
