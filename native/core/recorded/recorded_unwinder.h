#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/perf/window_layout.h"
#include "core/recorded/recorded_code.h"
#include "core/recorded/recorded_spaces.h"
#include "core/unwind/unwinder.h"

namespace sonde {

/// Unwinds stacks that somebody has recorded (PERF_SAMPLE_REGS_USER, PERF_SAMPLE_STACK_USER), as they would have been when
/// they were sampled. It is told of what processes map and do in order of time, between the samples. Owned by one thread.
class RecordedUnwinder {
 public:
  struct Sample {
    uint32_t pid = 0;
    /// PERF_SAMPLE_REGS_ABI_32
    bool is_32_bit = false;
    /// As ReadCapturedRegisters has them.
    uint64_t register_mask = 0;
    std::span<const uint64_t> registers = {};
    std::span<const std::byte> stack = {};
    /// As in StackSnapshot.
    bool cut = false;
    std::span<const uint64_t> chain = {};
    bool chain_cut = false;
  };
  struct Outcome {
    StackState state = StackState::kBroken;
    /// Of `reasons`; 0, which is '', where no frame is missing.
    uint32_t reason = 0;
  };

  /// `machine`: of the recording, as uname says it. Stacks of one that is not known here end at once, and say so.
  RecordedUnwinder(const std::string& machine, RecordedCode::Sources sources);

  RecordedSpaces& spaces() { return spaces_; }

  /// Appends the addresses of the frames to `frames`, innermost first, with kExactAddress where it applies. None where the
  /// sample is one that nothing here can be done with.
  Outcome Unwind(const Sample& sample, std::vector<uint64_t>& frames);
  /// What stacks end with that lack frames.
  const std::vector<std::string>& reasons() const { return reasons_.names(); }

 private:
  Outcome Ended(UnwindOutcome outcome);
  Outcome Broken(const std::string& reason);

  const std::string machine_;
  /// nullptr: not known.
  const Architecture* const architecture_;
  RecordedSpaces spaces_;
  RecordedCode code_;
  Unwinder unwinder_;
  NameList reasons_;
  /// By UnwindOutcome's end and name.
  std::map<std::pair<UnwindEnd, uint32_t>, uint32_t> known_reasons_;
};

}  // namespace sonde
