#pragma once

#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/target_file.h"
#include "core/unwind/file_window.h"

namespace sonde {

/// The layouts of Go's function table, by the first release that wrote them (internal/abi/symtab.go: PCLnTabMagic).
enum class GoTableLayout : uint8_t { kGo12, kGo116, kGo118, kGo120 };

/// The head of Go's function table (runtime/symtab.go: pcHeader): where its parts lie. Each lies within the file.
struct GoHeader {
  GoTableLayout layout = GoTableLayout::kGo12;
  /// Bytes that addresses of instructions are multiples of.
  uint8_t quantum = 1;
  uint32_t functions = 0;
  /// What addresses are relative to, as Go 1.18 to 1.25 wrote it; 0 where it is not said.
  uint64_t text_svma = 0;
  uint64_t svma = 0;
  FileRange names = {};
  /// Of values that change with the instruction.
  FileRange pc_values = {};
  /// Begins with an address and an offset of each function; the offset is one in this range, as are the functions.
  FileRange records = {};
  /// Of the first address in `records`.
  uint64_t index = 0;

  bool relative() const { return layout >= GoTableLayout::kGo118; }
  /// Bytes of an address or an offset in the index.
  uint32_t word() const { return relative() ? 4 : 8; }

  /// Finds the table: a section of its own, or within .data.rel.ro, where a C linker puts that of a relocatable program.
  /// Error: ENOENT where there is none, ENOEXEC where it is none of a 64-bit machine or damaged, E2BIG.
  static Result<GoHeader> Find(const TargetFile& file, const std::vector<ElfSection>& sections);
};

}  // namespace sonde
