#pragma once

#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/target_file.h"
#include "core/unwind/go_header.h"

namespace sonde {

/// The address of runtime.text, which addresses in tables of Go 1.18 and later are relative to. It is not that of .text
/// where C code comes first. Go 1.26 no longer says it in the table: then the runtime's description of the program says
/// it (runtime/symtab.go: moduledata), which needs no symbols. Error: ENOEXEC where nothing says it for certain.
Result<uint64_t> FindGoText(const TargetFile& file, const std::vector<ElfSection>& sections,
                            const GoHeader& header);

}  // namespace sonde
