#include "core/symbols/running_kernel.h"

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

void ReadText(RunningKernel& kernel) {
  const uint64_t bytes = KernelCodeBytes();
  int zeros = 0;
  const auto read = ReadKallsyms("/proc/kallsyms", [&](const KallsymsLine& line) {
    // Per-CPU symbols may begin at 0; a hundred zeros mean that addresses are hidden.
    if (line.avma == 0) return ++zeros < 100;
    if (line.name == "_text") kernel.text = line.avma;
    if (line.name == "_etext") kernel.text_end = line.avma;
    if (kernel.text != 0 && bytes != 0) kernel.text_end = kernel.text + bytes;
    return kernel.text == 0 || kernel.text_end == 0;
  });
  if (!read || kernel.text == 0 || kernel.text_end <= kernel.text)
    kernel.text = kernel.text_end = 0;
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

RunningKernel RunningKernel::Read() {
  RunningKernel kernel;
  ReadText(kernel);
  kernel.build_id = ReadBuildId();
  return kernel;
}

}  // namespace sonde
