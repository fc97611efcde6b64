#include "core/symbols/vdso.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace sonde {
namespace {

/// The image ends with its section headers; it is our own memory, made by the kernel.
size_t ImageBytes(const char* image) {
  Elf64_Ehdr header;
  std::memcpy(&header, image, sizeof(header));
  return header.e_shoff + size_t{header.e_shnum} * header.e_shentsize;
}

Result<UniqueFd> CopyVdso() {
  const unsigned long start = getauxval(AT_SYSINFO_EHDR);
  if (start == 0) return Error{ENOENT, "[vdso]: this process has none"};
  const auto* image = reinterpret_cast<const char*>(start);
  if (image[EI_CLASS] != ELFCLASS64) return Error{ENOEXEC, "[vdso]: not a 64-bit image"};
  UniqueFd copy(memfd_create("sonde-vdso", MFD_CLOEXEC));
  if (!copy) return SystemError("memfd_create");
  const size_t size = ImageBytes(image);
  for (size_t done = 0; done < size;) {
    const ssize_t count = write(copy.get(), image + done, size - done);
    if (count < 0 && errno != EINTR) return SystemError("write(memfd)");
    if (count > 0) done += static_cast<size_t>(count);
  }
  return copy;
}

}  // namespace

Result<TargetFile> OpenVdso() {
  // One copy serves all, so that it is known again.
  static const Result<UniqueFd> copy = CopyVdso();
  if (!copy) return copy.error();
  UniqueFd again(fcntl(copy->get(), F_DUPFD_CLOEXEC, 0));
  if (!again) return SystemError("fcntl(F_DUPFD)");
  return TargetFile::FromDescriptor(std::move(again));
}

}  // namespace sonde
