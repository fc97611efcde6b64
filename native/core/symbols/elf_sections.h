#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/elf_headers.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// A section with bytes in the file, which lie within it.
struct ElfSection {
  std::string name;   ///< empty where the file has no names of sections
  uint32_t type = 0;  ///< SHT_*
  uint64_t svma = 0;
  uint64_t file_offset = 0;
  uint64_t size = 0;
  uint64_t entry_size = 0;
  bool compressed = false;
};

/// The sections of a file; bounded, whatever the file says. None where it has no section headers.
Result<std::vector<ElfSection>> ReadElfSections(const TargetFile& file, const ElfHeaders& headers);

/// nullptr where there is none of that name.
const ElfSection* FindSection(const std::vector<ElfSection>& sections, std::string_view name);

}  // namespace sonde
