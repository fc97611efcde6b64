#pragma once

#include "core/symbols/elf_headers.h"
#include "core/symbols/target_file.h"
#include "core/unwind/architecture.h"

namespace sonde {

/// Whether the code of a file sets up frame pointers, judged by how often the instructions that do so stand in it. For
/// files without unwind rows: a C library without either (musl) cannot be left, a program built with frame pointers and
/// without rows (Chromium) can.
bool SetsUpFramePointers(const TargetFile& file, const ElfHeaders& headers,
                         const Architecture& architecture);

}  // namespace sonde
