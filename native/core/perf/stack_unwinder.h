#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/perf/code_library.h"
#include "core/perf/function_ledger.h"
#include "core/perf/record.h"
#include "core/perf/unwind_loader.h"
#include "core/perf/unwind_processes.h"
#include "core/unwind/unwinder.h"

namespace sonde {

/// Makes call chains of samples that carry registers and stack. Captured bytes are secrets of the process: they are
/// unwound at once, and where something has to be read first, a bounded number of copies waits and is overwritten after.
/// Used by the drain thread.
class StackUnwinder {
 public:
  /// A sample that waits for rows; its spans point into its own copies.
  struct Parked {
    size_t ring = 0;
    uint32_t session = 0;
    SampleRecord sample = {};
  };

  /// `wake`: an eventfd that is written to when samples that wait may go on.
  /// `names_javascript`: SamplerOptions::names_javascript.
  explicit StackUnwinder(UniqueFd wake, bool names_javascript = true);
  ~StackUnwinder();

  /// Whether the sample has what it takes.
  static bool CanUnwind(const SampleRecord& sample);

  void Apply(const ProcessRecord& record) { processes_.Apply(record); }
  /// Whether the beginning of the process has been reported.
  bool KnowsStartOf(uint32_t pid) const { return processes_.KnowsStartOf(pid); }
  /// What was read of a process already, so that it need not be read when it is sampled and perhaps gone. From any thread.
  void Show(const ScannedProcess& process) { loader_.Answer(process); }

  /// The words of an UnwoundChain, valid until the next call; nothing where the sample has to wait. `max_stack`: of the
  /// kernel's walk.
  std::optional<std::span<const uint64_t>> Unwind(const SampleRecord& sample, uint32_t max_stack);
  /// The same, with what is known now.
  std::span<const uint64_t> UnwindNow(const SampleRecord& sample, uint32_t max_stack);

  /// Keeps a copy. False where there is no room.
  bool Park(size_t ring, uint32_t session, const SampleRecord& sample);
  /// Takes in what has been read. True when something came, so that samples that wait are worth another try.
  bool TakeAnswers();
  /// Calls `visit(const Parked&)`, which says whether it is done with it, for each sample that waits.
  template <typename Visit>
  void VisitParked(Visit&& visit);
  bool HasParkedBefore(uint64_t time) const;
  std::vector<ChainWish> TakeChainWishes() { return processes_.TakeChainWishes(); }
  /// Whether functions of frames are still being read.
  bool AwaitsFunctions() const { return ledger_.Waits(); }
  /// By the numbers in chains (kFrameFunction).
  const FrameFunctions& functions() const { return ledger_.functions(); }

  /// A window has ended. What a sample that still waits needs, is kept until the next one has.
  void EndWindow() {
    ledger_.EndWindow();
    if (parked_.empty()) processes_.ForgetPast();
  }
  /// By UnwindOutcome::name.
  const std::vector<std::string>& names() { return library_.names().names(); }

 private:
  struct Copy {
    Parked parked;
    std::vector<uint64_t> chain = {};
    std::vector<uint64_t> registers = {};
    std::vector<std::byte> stack = {};
  };

  UnwindOutcome Walk(const SampleRecord& sample, uint32_t max_stack);
  void AddFunctions(const SampleRecord& sample);
  std::span<const uint64_t> Words(const SampleRecord& sample, UnwindOutcome outcome);
  void Release(Copy& copy);

  UnwindLoader loader_;
  CodeLibrary library_;
  UnwindProcesses processes_;
  Unwinder unwinder_{kThisArchitecture};
  const bool names_javascript_;
  FunctionLedger ledger_;
  std::vector<uint64_t> frames_;
  std::vector<FrameWords> frame_words_;
  /// `frames_` with the numbers of their functions.
  std::vector<uint64_t> annotated_;
  std::vector<uint64_t> words_;
  std::deque<Copy> parked_;
  size_t parked_bytes_ = 0;
};

template <typename Visit>
void StackUnwinder::VisitParked(Visit&& visit) {
  for (auto copy = parked_.begin(); copy != parked_.end();) {
    if (visit(copy->parked)) {
      Release(*copy);
      copy = parked_.erase(copy);
    } else {
      ++copy;
    }
  }
}

}  // namespace sonde
