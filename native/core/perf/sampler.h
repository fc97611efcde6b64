#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/base/dumpable.h"
#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/bpf/bpf_sampler.h"
#include "core/cgroup/cgroup_tree.h"
#include "core/perf/collector.h"
#include "core/perf/cpu_watch.h"
#include "core/perf/event_set.h"
#include "core/perf/sampler_options.h"
#include "core/perf/window_closer.h"

namespace sonde {

enum class StartState { kSampling, kPaused };

/// Ascending.
struct SampledCpus {
  std::vector<int> sampled = {};
  std::vector<std::string> problems = {};
};

/// Of the cgroups that the filter includes.
struct CgroupsSampled {
  /// Whether perf samples only them: the filter includes nothing else, and the kernel takes it.
  bool by_kernel = false;
  /// Why it does not take it; empty: it was not asked, or does.
  std::string refused = {};
  /// What is not there, by path or number; nothing while that has not been looked for with the newest filter.
  std::optional<std::vector<std::string>> missing = {};
};

/// Samples by perf_event. Two threads of its own: one drains the rings, at all times, so that they never fill while a
/// window is being closed; the other closes windows. The public functions belong to the thread that opened it.
class Sampler {
 public:
  /// Gets the size of the closed window, on the closing thread.
  using Closed = std::function<void(Result<size_t>)>;

  /// Opens all events and reads what the processes are. Nothing is sampled yet.
  static Result<std::unique_ptr<Sampler>> Open(SamplerOptions options);
  ~Sampler() { Close(); }

  /// From here on samples are taken, or from the first Resume on.
  Status Start(StartState state = StartState::kSampling);
  /// No samples are taken until Resume. What is missing meanwhile is no loss: events do not run.
  void Pause();
  /// Has no effect once the events were disabled for good.
  Status Resume();
  /// Closes the window at the present moment. EBUSY while another one is being closed or waits to be taken.
  Status CloseWindow(Closed closed);
  /// Copies the closed window. EINVAL where `into` has another size.
  Status Take(std::span<std::byte> into);
  std::vector<SessionTotals> Totals();
  /// What the BPF programs of a session have counted, for each CPU that is sampled. Empty where perf takes the samples.
  std::vector<CapturedOnCpu> Captured(uint32_t session);
  /// From now on other samples are wanted. Takes effect when the drain thread wakes, which is at once.
  Status SetFilter(SampleFilter filter);
  /// Samples before `time` are another sampler's: they are left out as overlap. EBUSY once a window has been closed.
  Status KeepFrom(uint64_t time);
  /// Disables the events; samples from `time` on are another sampler's, and left out as overlap. Returns when this one ends:
  /// after `time` where a window that ends later has been closed already.
  Result<uint64_t> KeepUntil(uint64_t time);
  /// Why the last one is not in force, and the one before it still is; empty: it is.
  std::string FilterProblem();
  /// Where whole CPUs are sampled: which, now; and of those that should be, why they are not.
  SampledCpus Cpus();
  CgroupsSampled Cgroups();
  bool TargetGone() const { return target_gone_; }
  void Disable();
  /// Ends the threads and closes the events. Safe twice.
  void Close();

 private:
  /// A window on its way from the drain thread to the closing thread.
  struct Handover {
    std::unique_ptr<Window> window;
    WindowTimes times;
  };

  // What epoll says is ready: a ring of perf by its number, one of BPF from kBpfToken on, or these.
  static constexpr uint64_t kWakeToken = UINT64_MAX;
  static constexpr uint64_t kCpuToken = UINT64_MAX - 1;
  static constexpr uint64_t kBpfToken = uint64_t{1} << 32;

  explicit Sampler(SamplerOptions options);

  Status OpenEvents();
  void RunDrain();
  void RunClosing();
  /// Waits for a window, or the end.
  void AwaitHandover(std::unique_lock<std::mutex>& lock);
  /// When sampling ends by itself, UINT64_MAX for never.
  uint64_t Deadline() const;
  int WaitMilliseconds() const;
  void WaitForRecords();
  void DisableEvents();
  Status Watch(int fd, uint64_t token);
  Status WatchRings();
  Status WatchBpfRings();
  void DrainReady(uint64_t token);
  void DrainRing(size_t ring);
  void DrainBpf(size_t ring, uint64_t head);
  void DrainAll();
  void DrainUpTo(size_t ring, uint64_t head);
  void LookAhead();
  void BeginWindowEnd();
  bool MayFinishWindow() const;
  void FinishWindow();
  void PublishTotals();
  void FollowCpus();
  void FollowTo(const CpuWatch::Look& look);
  void BeginCpu(int cpu);
  Status SampleOn(int cpu);
  Status BeginRing(uint32_t ring);
  Collector::CountCaptured CountCaptured() const;
  void EndCpu(int cpu);
  void TakeFilter();
  void LookForCgroups();
  void FitScope();
  std::optional<std::vector<ScopedCgroup>> ScopeWanted();
  Status SwitchScope(std::optional<std::vector<ScopedCgroup>> cgroups);
  void SetGate(SampleFilter filter);
  bool IsSampling() const;
  void TakeBounds();
  void Apply(SampleBounds bounds);
  WindowTimes TimesOfWindow(SampleBounds bounds);
  void GiveFilter();
  void TellMissing(std::vector<std::string> missing);
  void Wake() const;

  const SamplerOptions options_;
  const KernelFeatures features_;
  /// Without a mount where cgroups are not asked for.
  CgroupTree cgroups_;
  WindowCloser closer_;
  CpuWatch cpus_;
  UniqueFd epoll_;
  UniqueFd wake_;

  /// The drain thread changes events_ under it; the caller's looks into them under it.
  std::mutex events_mutex_;
  /// Between Pause and Resume, also of events that are opened meanwhile. Under events_mutex_.
  bool paused_ = false;
  // The drain thread's, once it runs.
  std::optional<EventSet> events_;
  /// Only where BPF programs take the samples.
  std::unique_ptr<BpfSampler> bpf_;
  /// How many of its rings are watched.
  size_t bpf_watched_ = 0;
  Collector collector_;
  uint64_t window_start_ = 0;
  /// Of the window that is ending, 0 when none is.
  uint64_t boundary_ = 0;
  uint64_t sequence_ = 0;
  /// What is to be decided by; what the BPF programs have got of it, cgroups by their ids; and what is decided after samples
  /// were captured.
  SampleFilter filter_;
  std::optional<SampleFilter> gate_;
  std::optional<SampleFilter> given_filter_;
  uint64_t filter_given_at_ = 0;
  uint64_t scope_fitted_at_ = 0;
  /// When the events were disabled, 0 while they sample.
  uint64_t disabled_at_ = 0;
  uint64_t kept_from_ = 0;

  /// While memory of other processes may be in the rings.
  std::optional<NotDumpable> not_dumpable_;
  std::atomic<uint64_t> started_at_{0};
  std::atomic<bool> target_gone_{false};
  std::atomic<bool> stop_{false};
  std::atomic<bool> close_requested_{false};
  std::atomic<bool> disable_requested_{false};

  std::mutex mutex_;
  std::condition_variable handed_over_;
  // Under mutex_.
  Closed closed_;
  Handover handover_;
  std::vector<std::byte> ready_;
  std::vector<SessionTotals> totals_;
  std::optional<SampleFilter> next_filter_;
  /// Why the filter that was given last is not in force; empty: it is.
  std::string filter_problem_;
  CgroupsSampled cgroups_sampled_;
  /// By CPU: why it is not sampled though it is online.
  std::map<int, std::string> cpu_problems_;
  SampleBounds bounds_;
  /// The end of the last window; 0: there was none.
  uint64_t finished_until_ = 0;

  std::thread drain_;
  std::thread closing_;
};

}  // namespace sonde
