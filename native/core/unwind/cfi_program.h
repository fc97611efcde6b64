#pragma once

#include <cstdint>

#include "core/unwind/cfi_section.h"
#include "core/unwind/row.h"

namespace sonde {

/// Runs the call frame instructions of `fde` up to the instruction at `svma`, which it covers.
/// Error: ENOEXEC for what is no instruction, E2BIG for more than 64 KiB of them or 8 remembered states.
Result<CfiRow> RunCfi(const CfiSection& section, const Fde& fde, uint64_t svma,
                      const Architecture& architecture);

}  // namespace sonde
