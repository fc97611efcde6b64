#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/bpf/capture_counts.h"
#include "core/bpf/captured_sample.h"
#include "core/cgroup/cgroup_tree.h"
#include "core/cgroup/process_cgroups.h"
#include "core/perf/event_attr.h"
#include "core/perf/event_set.h"
#include "core/perf/group_counts.h"
#include "core/perf/record.h"
#include "core/perf/sample_gate.h"
#include "core/perf/sampler_options.h"
#include "core/perf/stack_unwinder.h"
#include "core/perf/tick_ledger.h"
#include "core/perf/window.h"

namespace sonde {

/// Figures of a session since the start.
struct SessionTotals {
  uint64_t taken = 0;
  LossCounts losses = {};
  LeftOutCounts left_out = {};
  /// 0 while there is no sample.
  uint64_t first_sample_time = 0;
};

/// Takes the records of all rings and sorts them into windows by their time. Used by the drain thread.
class Collector {
 public:
  /// What BPF programs have counted on a CPU for a session.
  using CountCaptured = std::function<CaptureCounts(uint32_t cpu, uint32_t session)>;

  Collector(const SamplerOptions& options, KernelFeatures features, size_t rings, uint64_t seed);

  /// Whose samples are whose; to be called just before the events are enabled, and again for those that were opened since.
  /// Until then only bookkeeping records may come. `captured`: what BPF programs had counted on their CPUs before.
  void Know(const std::vector<SampledEvent>& sampled, const std::vector<CpuRing>& rings,
            const CountCaptured& captured = {});
  /// The ring has been drained, and its events will be closed: reads what they counted. The window still gets it.
  void EndRing(uint32_t ring, const EventSet& events, const CountCaptured& captured);
  /// The same of events in whose place others have been opened.
  void EndSuperseded(const EventSet& events, const CountCaptured& captured);
  /// Records about processes may not have come.
  void MissRecords() { current_->AddDroppedRecords(1); }

  /// `wake`: an eventfd that is written to when Retry has something to do. Call it before the first record comes, where a
  /// session captures stacks.
  void UnwindStacks(UniqueFd wake) {
    unwinder_ = std::make_unique<StackUnwinder>(std::move(wake), options_.names_javascript);
  }
  /// Samples say which cgroup of `tree` they are of, which must outlive this. Call it before the first record comes.
  void TellCgroups(CgroupTree& tree);
  /// Which of the samples that come from now on are wanted. Where a BPF program takes them, it has decided already.
  void SetFilter(SampleFilter filter) {
    if (options_.back_end == BackEnd::kPerf) gate_.Set(std::move(filter));
  }
  /// Calls `wish(const ChainWish&, start_time)` for each process of which it has been settled whether its samples are to bring
  /// the chain by frame pointers.
  template <typename Wish>
  void VisitChainWishes(Wish&& wish);
  /// Calls `process` with each bookkeeping record, in order of time, before the samples that come after it.
  void OnProcess(std::function<void(const ProcessRecord&)> process) {
    on_process_ = std::move(process);
  }
  bool unwinds() const { return unwinder_ != nullptr; }
  /// Whether samples are only understood with the bookkeeping records that came before them on any CPU.
  bool foresees() const {
    return unwinds() || cgroups_ != nullptr || !gate_.open() || on_process_ != nullptr;
  }

  /// What /proc says of a process before sampling begins. From any thread.
  void Show(const ScannedProcess& process) {
    if (unwinder_ != nullptr) unwinder_->Show(process);
  }

  /// Samples are unwound against what their process has mapped, in the cgroup that it was told to be, and wanted for what
  /// it is: all rings' bookkeeping records up to now come before the samples, through Foresee and then Settle. OnRecord
  /// gets them too.
  void Foresee(std::span<const std::byte> bytes);
  void Settle();

  void OnRecord(size_t ring, std::span<const std::byte> bytes);
  /// A sample that a BPF program took.
  void OnCaptured(const CapturedSample& sample);
  void OnMalformedCapture() { OnMalformed({PERF_RECORD_SAMPLE}); }
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

  /// Samples before `time` are another sampler's. What has been lost until now is not reported, and what has been left out
  /// counts as overlap. Call it before the first window is finished.
  void KeepFrom(uint64_t time, const EventSet& events, const CountCaptured& captured);
  /// Samples from `time` on are another sampler's. The events are disabled.
  void KeepUntil(uint64_t time) { bounds_.until = time; }

  /// From now on, what is not older than `time` belongs to the next window.
  void SetBoundary(uint64_t time);
  /// Reads what the events say of themselves, and `captured` where BPF programs take the samples. Drain the rings once
  /// more before FinishWindow.
  void ReadCounts(const EventSet& events, const CountCaptured& captured);
  /// The window up to the boundary, with its losses. The next one is the current one then.
  std::unique_ptr<Window> FinishWindow();

  const std::vector<SessionTotals>& totals() const { return totals_; }

 private:
  /// What a source had counted when samples began to be kept.
  struct Before {
    uint64_t read_at = UINT64_MAX;
    TickReading reading = {};
    CaptureCounts captured = {};
  };

  /// What is kept about one event; or about all of a session on a CPU, where BPF programs take the samples.
  struct Source {
    uint32_t session = 0;
    uint32_t ring = 0;
    uint32_t cpu = 0;
    /// Places in EventSet.sampled().
    std::vector<size_t> events = {};
    std::optional<TickLedger> ledger = {};
    bool throttled = false;
    /// Samples read, split by when the counts were read.
    uint64_t arrived = 0;
    uint64_t arrived_after = 0;
    uint64_t read_at = UINT64_MAX;
    uint64_t lost = 0;
    TickReading reading = {};
    /// What the programs have counted, and what of it is booked.
    CaptureCounts captured = {};
    CaptureCounts booked = {};
    /// Until it is booked.
    std::optional<Before> before = {};
    /// What the programs had counted on the CPU when this began.
    CaptureCounts captured_before = {};
    /// Of a cgroup: its clock stands while the CPU is idle.
    bool in_cgroup = false;
    /// Its events are closed: it is booked once more.
    bool ended = false;
  };

  void ApplyToCgroups(const ProcessRecord& record);
  uint8_t GroupWords(const SessionOptions& session) const;
  void OnGroup(size_t ring, const SampleRecord& sample);
  void OnSample(size_t ring, const SampleRecord& sample);
  void AddSample(size_t ring, uint32_t session, const SampleRecord& sample);
  void NoticeReuse(const CapturedSample& sample);
  void AddUnwound(size_t ring, uint32_t session, const SampleRecord& sample,
                  std::span<const uint64_t> chain);
  void Count(uint32_t session, const SampleRecord& sample, bool added);
  void GiveUpWaiting();
  void LeaveOutOverlap();
  void OnLost(size_t ring, const LostRecord& lost, uint64_t time, uint32_t cpu);
  void OnThrottle(const ThrottleRecord& throttle, uint64_t time);
  void OnMalformed(const MalformedRecord& malformed);
  Source* SourceOf(uint64_t id);
  Window& WindowAt(uint64_t time) { return time < boundary_ ? *current_ : *next_; }
  std::unique_ptr<Window> NewWindow() const;
  /// How long each CPU has been idle since boot, nanoseconds; empty where whole CPUs are not the target, or unknown.
  std::vector<uint64_t> IdleOfCpus() const;
  void LeaveOut(uint32_t session, LeftOutReason reason, uint64_t count);
  void Lose(uint32_t session, LossReason reason, uint64_t count);
  bool Captures() const { return options_.back_end == BackEnd::kBpf; }
  Source& SourceFor(const SampledEvent& event, const std::vector<CpuRing>& rings,
                    const CountCaptured& captured);
  void Read(const EventSet& events, const CountCaptured& captured, std::span<const uint64_t> idle,
            Source& source) const;
  bool ReadEvents(const EventSet& events, Source& source) const;
  uint64_t IdleOf(const Source& source, std::span<const uint64_t> idle, uint64_t ran) const;
  template <typename Ends>
  void End(const EventSet& events, const CountCaptured& captured, Ends&& ends);
  void ForgetEnded();
  void ReadDroppedRecords(const EventSet& events);
  void BookBefore(Source& source);
  void BookLosses(Source& source);
  void BookCaptured(Source& source);

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
  GroupCounts group_counts_ = {};
  /// When a ring last said that it had been full; 0: not in this window.
  std::vector<uint64_t> full_at_;
  uint64_t bookkeeping_lost_ = 0;
  /// By CPU.
  std::vector<std::optional<uint32_t>> ring_of_cpu_;
  /// When each process that was sampled in this window had started.
  std::unordered_map<uint32_t, uint64_t> start_times_;

  SampleGate gate_;
  std::function<void(const ProcessRecord&)> on_process_;
  /// Only where a session captures stacks.
  std::unique_ptr<StackUnwinder> unwinder_;
  /// Where samples tell their cgroup.
  CgroupTree* cgroups_ = nullptr;
  /// Where the kernel does not put it into them.
  std::optional<ProcessCgroups> process_cgroups_;
  /// Bookkeeping records that have not been settled yet.
  std::vector<ProcessRecord> foreseen_;

  uint64_t boundary_ = UINT64_MAX;
  SampleBounds bounds_;
  std::unique_ptr<Window> current_;
  std::unique_ptr<Window> next_;
  std::vector<SessionTotals> totals_;
};

template <typename Wish>
void Collector::VisitChainWishes(Wish&& wish) {
  if (unwinder_ == nullptr) return;
  for (const ChainWish& settled : unwinder_->TakeChainWishes()) {
    const auto started = start_times_.find(settled.pid);
    const bool known = started != start_times_.end();
    // Who is to have it again needs no start time: whoever has the number now shall have it.
    if (known || settled.wanted) wish(settled, known ? started->second : 0);
  }
}

}  // namespace sonde
