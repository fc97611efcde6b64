#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/result.h"
#include "core/unwind/row.h"
#include "core/unwind/svma_range.h"

namespace sonde {

/// Says how to go from the frame of an instruction to its caller's: .eh_frame or .debug_frame, one day .sframe.
/// Immutable once made; any thread may ask.
class RowSource {
 public:
  virtual ~RowSource() = default;

  /// The row of the instruction that lies at `svma` in the file. Bounded work, whatever the file holds.
  /// Error: ENOENT where no row covers it, ENOEXEC where what covers it cannot be read, E2BIG where a bound was met.
  virtual Result<CfiRow> Find(uint64_t svma) const = 0;

  /// The addresses around `svma`, which no row covers, up to the nearest functions.
  virtual SvmaRange GapAt(uint64_t svma) const = 0;

  /// How many functions it covers; 0: none.
  virtual size_t functions() const = 0;
  /// Memory that it holds.
  virtual size_t bytes() const = 0;
};

}  // namespace sonde
