#include "core/symbols/kernel_facts.h"

#include <fcntl.h>

#include <array>
#include <charconv>
#include <fstream>
#include <string>

#include "core/base/unique_fd.h"
#include "core/symbols/elf_headers.h"
#include "core/symbols/kallsyms.h"

namespace sonde {
namespace {

/// Bytes from _text to _etext, by the physical range that x86 registers for them; 0 where it cannot be read.
uint64_t KernelCodeBytes() {
#if defined(__x86_64__)
  std::ifstream resources("/proc/iomem");
  for (std::string line; std::getline(resources, line);) {
    if (!line.ends_with(" : Kernel code")) continue;
    const char* const end = line.data() + line.size();
    const char* at = line.data() + line.find_first_not_of(' ');
    uint64_t first = 0;
    uint64_t last = 0;
    at = std::from_chars(at, end, first, 16).ptr;
    if (at == end || *at != '-') return 0;
    std::from_chars(at + 1, end, last, 16);
    return last > first ? last - first + 1 : 0;  // both are 0 without CAP_SYS_ADMIN
  }
#endif
  return 0;
}

void ReadText(KernelFacts& facts) {
  const uint64_t bytes = KernelCodeBytes();
  int zeros = 0;
  const auto read = ReadKallsyms("/proc/kallsyms", [&](const KallsymsLine& line) {
    // Per-CPU symbols may begin at 0; a hundred zeros mean that addresses are hidden.
    if (line.avma == 0) return ++zeros < 100;
    if (line.name == "_text") facts.text = line.avma;
    if (line.name == "_etext") facts.text_end = line.avma;
    if (facts.text != 0 && bytes != 0) facts.text_end = facts.text + bytes;
    return facts.text == 0 || facts.text_end == 0;
  });
  if (!read || facts.text == 0 || facts.text_end <= facts.text) facts.text = facts.text_end = 0;
}

std::vector<uint8_t> ReadBuildId() {
  const UniqueFd fd(open("/sys/kernel/notes", O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  std::array<std::byte, 4096> notes;
  const ssize_t count = read(fd.get(), notes.data(), notes.size());
  if (count <= 0) return {};
  return BuildIdOfNotes(std::span(notes).first(static_cast<size_t>(count)), 4);
}

}  // namespace

KernelFacts KernelFacts::Read() {
  KernelFacts facts;
  ReadText(facts);
  facts.build_id = ReadBuildId();
  return facts;
}

}  // namespace sonde
