#pragma once

#include <linux/perf_event.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/perf/function_ledger.h"
#include "core/perf/process_record.h"
#include "core/perf/record.h"
#include "core/perf/stack_interner.h"
#include "core/perf/window_layout.h"

namespace sonde {

struct WindowOptions {
  size_t max_samples = 0;
  size_t max_stack_bytes = 0;
  /// The events report every change of the kernel's code at run time.
  bool reports_kernel_symbols = false;
};

/// CLOCK_MONOTONIC, and what turns it into Unix time.
struct WindowTimes {
  uint64_t start = 0;
  uint64_t end = 0;
  int64_t unix_offset = 0;
  uint64_t sequence = 0;
};

/// Of which times samples are kept.
struct SampleBounds {
  uint64_t from = 0;
  /// The first time behind it.
  uint64_t until = UINT64_MAX;

  bool Contains(uint64_t time) const { return from <= time && time < until; }
};

/// One sample; `stack` is a number of the window's StackInterner, `session` a place in the sampler's list.
struct SampleRow {
  uint64_t time = 0;
  uint64_t value = 0;
  uint32_t pid = 0;
  uint32_t tid = 0;
  uint32_t cpu = 0;
  uint32_t stack = 0;
  uint32_t session = 0;
  /// 0 where it is not known.
  uint64_t cgroup = 0;
};

struct NoticeRow {
  NoticeKind kind = NoticeKind::kLost;
  uint64_t time = 0;
  uint32_t cpu = 0;
  uint64_t count = 0;
};

/// Code that the kernel has made at run time, or taken back (PERF_RECORD_KSYMBOL).
struct KernelSymbolRow {
  KernelSymbolKind kind = KernelSymbolKind::kOther;
  bool gone = false;
  uint64_t time = 0;
  uint64_t start = 0;
  uint32_t length = 0;
  std::string name = {};
};

using LossCounts = std::array<uint64_t, kLossReasons>;
using LeftOutCounts = std::array<uint64_t, kLeftOutReasons>;

/// Collects what the rings deliver until the window closes. Filled by the drain thread; adding a sample allocates nothing
/// but the growth of a column.
class Window {
 public:
  Window(WindowOptions options, size_t rings, size_t sessions, uint64_t seed);

  /// False when there was no room: counted as table_full.
  bool AddSample(size_t ring, uint32_t session, const SampleRecord& sample);
  /// The same with an UnwoundChain.
  bool AddChain(size_t ring, uint32_t session, const SampleRecord& sample,
                std::span<const uint64_t> chain);
  /// What does not fit is counted by dropped_records().
  void AddRecord(ProcessRecord record);
  /// The same.
  void AddKernelSymbol(KernelSymbolRow symbol);
  void AddNotice(uint32_t session, NoticeRow notice);
  void AddLoss(uint32_t session, LossReason reason, uint64_t count);
  void AddLeftOut(uint32_t session, LeftOutReason reason, uint64_t count);
  void AddDroppedRecords(uint64_t count) { dropped_records_ += count; }
  /// Removes the samples and notices of other times. Returns how many samples, for each session.
  std::vector<uint64_t> KeepOnly(SampleBounds bounds);
  /// Nothing has been lost or left out yet.
  void ForgetCounts();

  /// What unwound chains name, by UnwindOutcome::name.
  void SetUnwindNames(std::vector<std::string> names) { unwind_names_ = std::move(names); }
  const std::vector<std::string>& unwind_names() const { return unwind_names_; }

  /// What unwound chains say of frames, by the numbers in them.
  void SetFunctions(FrameFunctions functions) { functions_ = std::move(functions); }
  const FrameFunctions& functions() const { return functions_; }

  /// Makes room for as many samples as another window had.
  void ReserveLike(const Window& other);

  const StackInterner& stacks() const { return stacks_; }
  /// Of the session's samples; 0 where there is none.
  uint64_t FirstTimeOf(uint32_t session) const;
  /// Per ring, nearly in order of time.
  std::vector<std::vector<SampleRow>>& samples() { return samples_; }
  std::vector<ProcessRecord>& records() { return records_; }
  const std::vector<KernelSymbolRow>& kernel_symbols() const { return kernel_symbols_; }
  /// Whether these are all that there were.
  bool knows_kernel_symbols() const {
    return options_.reports_kernel_symbols && dropped_records_ == 0;
  }
  /// Records about processes and kernel code that did not arrive: /proc must be read again.
  uint64_t dropped_records() const { return dropped_records_; }
  std::vector<std::vector<NoticeRow>>& notices() { return notices_; }
  const std::vector<LossCounts>& losses() const { return losses_; }
  const std::vector<LeftOutCounts>& left_out() const { return left_out_; }

 private:
  WindowOptions options_;
  StackInterner stacks_;
  size_t sample_count_ = 0;
  std::vector<std::vector<SampleRow>> samples_;
  std::vector<ProcessRecord> records_;
  std::vector<KernelSymbolRow> kernel_symbols_;
  size_t record_bytes_ = 0;
  uint64_t dropped_records_ = 0;
  std::vector<std::vector<NoticeRow>> notices_;
  std::vector<LossCounts> losses_;
  std::vector<LeftOutCounts> left_out_;
  std::vector<std::string> unwind_names_;
  FrameFunctions functions_;
};

/// Whether an entry of a call chain is a context marker (PERF_CONTEXT_*) and not an address.
inline bool IsMarker(uint64_t address) {
  return address >= static_cast<uint64_t>(PERF_CONTEXT_MAX);
}

}  // namespace sonde
