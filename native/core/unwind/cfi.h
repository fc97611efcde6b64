#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/result.h"
#include "core/unwind/architecture.h"
#include "core/unwind/row_source.h"

namespace sonde {

/// A section of a file, copied.
struct SectionBytes {
  uint64_t svma = 0;
  std::vector<std::byte> bytes = {};
};

/// What .eh_frame is made of. Both are meant to be copies: the file may change at any time.
struct EhFrameSections {
  /// The binary search table; empty where there is none.
  SectionBytes header = {};
  SectionBytes frames = {};
};

/// Rows out of .eh_frame (LSB 5.0, chapter 10.6; DWARF 5, section 6.4). With a header its table is searched; without, or
/// with one that cannot be used, the frames are indexed once.
/// Error: ENOEXEC where there is nothing that can be read, E2BIG where the index would be too large.
Result<std::unique_ptr<RowSource>> MakeEhFrame(EhFrameSections sections,
                                               const Architecture& architecture);

/// Rows out of .debug_frame, of 64-bit files and not compressed. Errors as above.
Result<std::unique_ptr<RowSource>> MakeDebugFrame(SectionBytes frames,
                                                  const Architecture& architecture);

}  // namespace sonde
