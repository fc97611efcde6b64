#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/elf_headers.h"
#include "core/symbols/target_file.h"
#include "core/unwind/frame_pointers.h"
#include "core/unwind/go_table.h"
#include "core/unwind/row_source.h"
#include "core/unwind/svma_range.h"

namespace sonde {

/// All that a file says about unwinding its code, copied out of it. Immutable.
class UnwindTables {
 public:
  /// Reads what is needed and lets go of the file: a descriptor that stays open would keep a volume from being unmounted.
  /// Error: those of ElfHeaders::Read; E2BIG where the rows are more than the agent wants to hold.
  static Result<UnwindTables> Read(const TargetFile& file, const Architecture& architecture);

  /// What to do at an instruction; kNone where nothing covers it. Error: ENOEXEC where what covers it is damaged.
  Result<RowAndRules> Find(uint64_t svma) const;
  /// What the row at `svma` says of every register. Errors as RowSource::Find.
  Result<CfiRow> RowOf(uint64_t svma) const;
  /// Whether code that no row covers can be left by its frame pointer.
  enum class FramePointers : uint8_t {
    kLost,
    kKept,
    /// As far as one can see of the file as a whole, which has no rows: single functions may differ.
    kLikely,
  };
  FramePointers FramePointersAt(uint64_t svma) const;
  bool is_go() const { return go_.has_value(); }
  const ElfHeaders& headers() const { return headers_; }
  /// Of everything that the rows are made from: files with the same one have the same rows, whatever build id they state.
  uint64_t fingerprint() const { return fingerprint_; }
  /// Memory that it holds.
  size_t bytes() const;

 private:
  explicit UnwindTables(const Architecture& architecture) : architecture_(&architecture) {}

  void Add(Result<std::unique_ptr<RowSource>> source);
  UnwindRow BetweenFunctions(uint64_t svma) const;
  SvmaRange SegmentOf(uint64_t svma) const;
  bool IsOutermost(uint64_t svma) const;
  bool IsSignalReturn(uint64_t svma) const;
  size_t Functions() const;
  void JudgeGaps(const TargetFile& file);
  FramePointers Judge(const TargetFile& file, const CodeRange& code) const;
  SvmaRange GapAt(uint64_t svma) const;
  bool IsEntry(uint64_t svma) const;
  uint64_t CodeBytes() const;

  const Architecture* architecture_;
  ElfHeaders headers_;
  /// In the order in which they are asked.
  std::vector<std::unique_ptr<RowSource>> sources_;
  std::optional<GoTable> go_;
  /// What a signal's handler returns to, where no row says what lies on the stack then.
  std::optional<uint64_t> signal_return_;
  /// Some rows could not be read: what nothing covers may have had one.
  std::optional<Error> damage_;
  /// Of a file that has no rows to speak of.
  FramePointers without_rows_ = FramePointers::kLost;
  bool has_rows_ = false;
  /// Stretches without rows in a file that has them elsewhere.
  struct Gap {
    SvmaRange range;
    FramePointers frame_pointers = FramePointers::kLost;
  };
  /// Those that keep frame pointers, or are likely to.
  std::vector<Gap> kept_;
  uint64_t fingerprint_ = 0;
};

}  // namespace sonde
