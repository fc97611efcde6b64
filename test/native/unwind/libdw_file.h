// A file's CFI as elfutils reads it, and its sections for our reader.
#pragma once

#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <link.h>

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/unwind/cfi.h"

namespace sonde::test {

/// The path of a library that this process has loaded, by a part of its name.
inline std::string LoadedLibrary(const std::string& name) {
  std::pair<std::string, std::string> search{name, ""};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* argument) {
        auto& [wanted, found] = *static_cast<decltype(search)*>(argument);
        const std::string path = info->dlpi_name;
        if (path.find("/" + wanted) != std::string::npos) found = path;
        return found.empty() ? 0 : 1;
      },
      &search);
  return search.second;
}

class LibdwFile {
 public:
  /// Null where there is no such ELF file.
  static std::unique_ptr<LibdwFile> Open(const std::string& path) {
    elf_version(EV_CURRENT);
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (fd.get() < 0) return nullptr;
    Elf* elf = elf_begin(fd.get(), ELF_C_READ_MMAP, nullptr);
    if (elf == nullptr) return nullptr;
    return std::unique_ptr<LibdwFile>(new LibdwFile(std::move(fd), elf));
  }
  ~LibdwFile() {
    if (eh_frame_ != nullptr) dwarf_cfi_end(eh_frame_);
    if (dwarf_ != nullptr) dwarf_end(dwarf_);
    elf_end(elf_);
  }
  LibdwFile(const LibdwFile&) = delete;
  LibdwFile& operator=(const LibdwFile&) = delete;

  Dwarf_CFI* eh_frame() {
    if (eh_frame_ == nullptr) eh_frame_ = dwarf_getcfi_elf(elf_);
    return eh_frame_;
  }
  Dwarf_CFI* debug_frame() {
    if (dwarf_ == nullptr) dwarf_ = dwarf_begin_elf(elf_, DWARF_C_READ, nullptr);
    return dwarf_ == nullptr ? nullptr : dwarf_getcfi(dwarf_);
  }

  /// Empty where there is none.
  SectionBytes Section(const char* name) const {
    size_t names = 0;
    if (elf_getshdrstrndx(elf_, &names) != 0) return {};
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
      GElf_Shdr header;
      gelf_getshdr(section, &header);
      if (std::strcmp(elf_strptr(elf_, names, header.sh_name), name) != 0) continue;
      const Elf_Data* data = elf_rawdata(section, nullptr);
      const auto* bytes = static_cast<const std::byte*>(data->d_buf);
      return {.svma = header.sh_addr, .bytes = {bytes, bytes + data->d_size}};
    }
    return {};
  }
  EhFrameSections EhFrame() const { return {Section(".eh_frame_hdr"), Section(".eh_frame")}; }

  /// Where the functions begin, by the table of .eh_frame_hdr as linkers write it.
  std::vector<uint64_t> Functions() const {
    const SectionBytes header = Section(".eh_frame_hdr");
    std::vector<uint64_t> functions;
    for (size_t at = 12; at + 8 <= header.bytes.size(); at += 8) {
      int32_t begin;
      std::memcpy(&begin, header.bytes.data() + at, sizeof(begin));
      functions.push_back(header.svma + static_cast<uint64_t>(int64_t{begin}));
    }
    return functions;
  }

 private:
  LibdwFile(UniqueFd fd, Elf* elf) : fd_(std::move(fd)), elf_(elf) {}

  UniqueFd fd_;
  Elf* elf_;
  Dwarf_CFI* eh_frame_ = nullptr;
  Dwarf* dwarf_ = nullptr;
};

}  // namespace sonde::test
