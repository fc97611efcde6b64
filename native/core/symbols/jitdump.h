#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/symbols/code_index.h"
#include "core/symbols/code_name.h"
#include "core/symbols/growing_file.h"
#include "core/symbols/jitdump_records.h"
#include "core/symbols/read_budget.h"

namespace sonde {

/// A jitdump: records of code that a runtime made, with the time of each, so that it is known what lay where at the end of a
/// window. Names and lines stay in the file. Not thread-safe.
/// Source of the format: linux/tools/perf/Documentation/jitdump-specification.txt.
class Jitdump {
 public:
  /// Of more than `max_functions` those said first are forgotten.
  explicit Jitdump(size_t max_functions) : max_functions_(max_functions) {}

  struct Progress {
    uint64_t bytes = 0;  ///< read
    /// Whether all was read that was said up to the time asked for. If not, what is known may be out of date.
    bool complete = false;
    /// Something is no record, so that nothing is known of what stands behind it.
    bool damaged = false;
  };

  /// Reads what was said up to `time` (CLOCK_MONOTONIC in nanoseconds; everything, where the file's clock is another), but
  /// no more than `max_bytes`. Error: EINVAL for what is no jitdump, ENODATA for one that
  /// has only just been made.
  Result<Progress> Update(const TargetFile& file, uint64_t time, uint64_t max_bytes);

  /// The code that covers an address.
  std::optional<MadeCode> Find(uint64_t avma) const { return index_.Find(avma); }

  /// What such code is called, and where in the source `avma` is. `file` is the one that was last read. Nothing where
  /// `allowance` is used up, and no line where that is too much to read.
  std::optional<CodeName> NameOf(const MadeCode& code, uint64_t avma, const TargetFile& file,
                                 ReadAllowance& allowance) const;

  /// The process that writes it, by its own number.
  uint32_t pid() const { return header_.pid; }
  bool forgot() const { return forgot_; }
  size_t functions() const { return index_.size(); }
  size_t bytes() const { return index_.bytes(); }

 private:
  void Restart();
  Status Begin(const TargetFile& file);
  void Take(const JitRecord& record, JitReader& reader);
  void Move(const JitMove& move);
  std::optional<MadeCode> Known(uint64_t start) const;
  void Say(const MadeCode& code);
  void Index();
  static std::optional<CodeName> ReadName(JitReader& reader, const MadeCode& code, uint64_t offset,
                                          ReadAllowance& allowance);

  size_t max_functions_;
  GrowingFile cursor_;
  JitHeader header_;
  CodeIndex index_;
  /// What is not in the index yet, and by its start which came last.
  std::vector<MadeCode> pending_;
  std::unordered_map<uint64_t, size_t> pending_by_start_;
  /// Where the records begin that say more of the next function; none: 0.
  uint64_t prelude_ = 0;
  bool forgot_ = false;
  bool damaged_ = false;
};

}  // namespace sonde
