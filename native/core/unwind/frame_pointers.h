#pragma once

#include "core/symbols/elf_headers.h"
#include "core/symbols/target_file.h"
#include "core/unwind/architecture.h"

namespace sonde {

/// Bytes of a file.
struct CodeRange {
  uint64_t offset = 0;
  uint64_t size = 0;
};

/// Whether code sets up frame pointers, judged by how often the instructions that do so stand in it. For code without
/// unwind rows: a C library without either (musl) cannot be left, a program built with frame pointers and without rows
/// (Chromium) can, and so can V8's builtins.
bool SetsUpFramePointers(const TargetFile& file, const CodeRange& code,
                         const Architecture& architecture);
/// Whether the first thing that code does is to set up a frame pointer.
bool BeginsWithFramePointer(const TargetFile& file, const CodeRange& code,
                            const Architecture& architecture);
/// SetsUpFramePointers of all code of a file.
bool SetsUpFramePointers(const TargetFile& file, const ElfHeaders& headers,
                         const Architecture& architecture);

}  // namespace sonde
