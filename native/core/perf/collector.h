#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/perf/event_attr.h"
#include "core/perf/event_set.h"
#include "core/perf/record.h"
#include "core/perf/sampler_options.h"
#include "core/perf/stack_unwinder.h"
#include "core/perf/tick_ledger.h"
#include "core/perf/window.h"

namespace sonde {

/// Figures of a session since the start.
struct SessionTotals {
  uint64_t taken = 0;
  LossCounts losses = {};
  /// 0 while there is no sample.
  uint64_t first_sample_time = 0;
};

/// Takes the records of all rings and sorts them into windows by their time. Used by the drain thread.
class Collector {
 public:
  Collector(const SamplerOptions& options, KernelFeatures features, size_t rings, uint64_t seed);

  /// Whose samples are whose; to be called just before the events are enabled. Until then only bookkeeping records may
  /// come.
  void Know(const std::vector<SampledEvent>& sampled, const std::vector<CpuRing>& rings);

  /// `wake`: an eventfd that is written to when Retry has something to do. Call it before the first record comes, where a
  /// session captures stacks.
  void UnwindStacks(UniqueFd wake) {
    unwinder_ = std::make_unique<StackUnwinder>(std::move(wake), options_.names_javascript);
  }
  bool unwinds() const { return unwinder_ != nullptr; }

  /// What /proc says of a process before sampling begins. From any thread.
  void Show(const ScannedProcess& process) {
    if (unwinder_ != nullptr) unwinder_->Show(process);
  }

  /// Samples are unwound against what their process has mapped: all rings' bookkeeping records up to now come before the
  /// samples, through Foresee and then Settle. OnRecord gets them too.
  void Foresee(std::span<const std::byte> bytes);
  void Settle();

  void OnRecord(size_t ring, std::span<const std::byte> bytes);
  /// Takes up the samples that waited for something to be read.
  void Retry();
  /// Overwrites what is kept of processes' memory. Nothing comes after it.
  void DropWaiting() {
    if (unwinder_ != nullptr) {
      unwinder_->VisitParked([](const StackUnwinder::Parked&) { return true; });
    }
  }
  /// Whether samples of the window that ends still wait, or functions in their stacks.
  bool Waits() const {
    return unwinder_ != nullptr &&
           (unwinder_->HasParkedBefore(boundary_) || unwinder_->AwaitsFunctions());
  }
  /// A ring held something that is no record, and was skipped to its end.
  void OnCorruptRing();
  /// The events have just been disabled: what happens from now on, was not to be sampled.
  void OnDisabled() { idle_at_end_ = IdleOfCpus(); }

  /// From now on, what is not older than `time` belongs to the next window.
  void SetBoundary(uint64_t time);
  /// Reads what the events say of themselves. Drain the rings once more before FinishWindow.
  void ReadCounts(const EventSet& events);
  /// The window up to the boundary, with its losses. The next one is the current one then.
  std::unique_ptr<Window> FinishWindow();

  const std::vector<SessionTotals>& totals() const { return totals_; }

 private:
  /// What is kept about one event.
  struct Source {
    uint32_t session = 0;
    uint32_t ring = 0;
    uint32_t cpu = 0;
    std::optional<TickLedger> ledger = {};
    bool throttled = false;
    /// Samples read, split by when the counts were read.
    uint64_t arrived = 0;
    uint64_t arrived_after = 0;
    uint64_t read_at = UINT64_MAX;
    uint64_t lost = 0;
    TickReading reading = {};
  };

  void OnSample(size_t ring, const SampleRecord& sample);
  void AddUnwound(size_t ring, uint32_t session, const SampleRecord& sample,
                  std::span<const uint64_t> chain);
  void Count(uint32_t session, const SampleRecord& sample, bool added);
  void GiveUpWaiting();
  void OnLost(size_t ring, const LostRecord& lost, uint64_t time, uint32_t cpu);
  void OnThrottle(const ThrottleRecord& throttle, uint64_t time);
  void OnMalformed(const MalformedRecord& malformed);
  Source* SourceOf(uint64_t id);
  Window& WindowAt(uint64_t time) { return time < boundary_ ? *current_ : *next_; }
  std::unique_ptr<Window> NewWindow() const;
  /// How long each CPU has been idle since boot, nanoseconds; empty where whole CPUs are not the target, or unknown.
  std::vector<uint64_t> IdleOfCpus() const;
  void Lose(uint32_t session, LossReason reason, uint64_t count);
  void BookLosses(Source& source);

  const SamplerOptions options_;
  const KernelFeatures features_;
  const size_t rings_;
  const uint64_t seed_;
  std::vector<uint64_t> idle_at_start_;
  /// Empty while events may be enabled.
  std::vector<uint64_t> idle_at_end_;
  std::unordered_map<uint64_t, uint32_t> source_numbers_;
  SampleLayouts layouts_;
  std::vector<Source> sources_;
  /// The source of the last sample of each ring: mostly the next one's too.
  std::vector<std::pair<uint64_t, uint32_t>> last_source_;
  /// When a ring last said that it had been full; 0: not in this window.
  std::vector<uint64_t> full_at_;
  uint64_t bookkeeping_lost_ = 0;

  /// Only where a session captures stacks.
  std::unique_ptr<StackUnwinder> unwinder_;
  /// Bookkeeping records that the unwinder has not seen yet.
  std::vector<ProcessRecord> foreseen_;

  uint64_t boundary_ = UINT64_MAX;
  std::unique_ptr<Window> current_;
  std::unique_ptr<Window> next_;
  std::vector<SessionTotals> totals_;
};

}  // namespace sonde
