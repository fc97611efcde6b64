#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/symbols/code_index.h"
#include "core/symbols/code_name.h"
#include "core/symbols/growing_file.h"
#include "core/symbols/read_budget.h"

namespace sonde {

/// A perf-map: lines of `START SIZE NAME`, the numbers hexadecimal, that a runtime appends for code it made. Of ranges
/// that overlap the later line counts. Names stay in the file. Not thread-safe.
/// Source of the format: linux/tools/perf/Documentation/jit-interface.txt.
class PerfMap {
 public:
  /// Of more than `max_functions` those said first are forgotten.
  explicit PerfMap(size_t max_functions) : max_functions_(max_functions) {}

  /// Whether `file` is the one that was read, or a longer one.
  bool Continues(const TargetFile& file) const { return cursor_.Continues(file); }

  /// Reads what was appended since, or all of a file that is another or was written anew; of more than `max_bytes` the
  /// last. Returns how many were read.
  Result<uint64_t> Update(const TargetFile& file, uint64_t max_bytes);

  /// The code that covers an address.
  std::optional<MadeCode> Find(uint64_t avma) const { return index_.Find(avma); }

  /// What such code is called. `file` is the one that was last read; nothing where it has changed since, or `allowance` is
  /// used up.
  std::optional<CodeName> NameOf(const MadeCode& code, uint64_t avma, const TargetFile& file,
                                 ReadAllowance& allowance) const;

  /// Bytes at the file's start that were not read.
  uint64_t left_out() const { return left_out_; }
  /// Whether functions were forgotten because there are too many.
  bool forgot() const { return forgot_; }
  /// Lines that are none.
  uint64_t damaged() const { return damaged_; }
  size_t functions() const { return index_.size(); }
  size_t bytes() const { return index_.bytes(); }

 private:
  void Restart();
  /// Takes the lines that end in `block`, which stands at `offset`; returns how many bytes that were.
  size_t TakeLines(std::string_view block, uint64_t offset);
  void TakeLine(std::string_view line, uint64_t offset);
  void Index();

  size_t max_functions_;
  GrowingFile cursor_;
  CodeIndex index_;
  /// Lines that are not in the index yet.
  std::vector<MadeCode> pending_;
  /// What stands at the cursor is the rest of a line whose begin was not looked at.
  bool in_line_ = false;
  uint64_t left_out_ = 0;
  uint64_t damaged_ = 0;
  bool forgot_ = false;
};

}  // namespace sonde
