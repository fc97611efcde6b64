#pragma once

#include <cstdint>
#include <optional>

#include "core/symbols/elf_headers.h"
#include "core/symbols/target_file.h"
#include "core/unwind/architecture.h"
#include "core/unwind/row.h"

namespace sonde {

/// The frame that the kernel lays for a signal's handler, as the instructions find it that the handler returns to
/// (rt_sigreturn): all registers of what was interrupted, at fixed distances from the stack pointer. For code whose file
/// does not say so itself.
CfiRow SignalReturnRow(const Architecture& architecture);

/// Where a handler returns to in a file that may be the vdso of aarch64. Its own row leads to what the interrupted
/// instruction would return to, past the function that was interrupted. Nothing for other files and machines.
std::optional<uint64_t> FindSignalReturn(const TargetFile& file, const ElfHeaders& headers,
                                         const Architecture& architecture);

}  // namespace sonde
