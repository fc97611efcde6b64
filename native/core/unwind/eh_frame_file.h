#pragma once

#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/target_file.h"
#include "core/unwind/cfi.h"

namespace sonde {

/// Copies of .eh_frame and its header, found by section or, in a file without sections, by program header. Empty where
/// the file has none. Error: E2BIG above 32 MiB, or what reading failed with.
Result<EhFrameSections> ReadEhFrame(const TargetFile& file, const ElfHeaders& headers,
                                    const std::vector<ElfSection>& sections);

/// A copy of .debug_frame; empty where there is none that can be read as it is. Error as above.
Result<SectionBytes> ReadDebugFrame(const TargetFile& file,
                                    const std::vector<ElfSection>& sections);

}  // namespace sonde
