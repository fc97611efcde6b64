#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/perf/cgroup_scope.h"
#include "core/perf/event.h"
#include "core/perf/event_attr.h"
#include "core/perf/ring_buffer.h"
#include "core/perf/sampler_options.h"

namespace sonde {

/// An event of one session, on one CPU and for one thread or all of them.
struct SampledEvent {
  Event event;
  uint32_t session = 0;  ///< place in SamplerOptions.sessions
  uint32_t ring = 0;
  /// Of a cgroup on the CPU, and nothing else.
  bool in_cgroup = false;
  /// Others have been opened in its place: EventSet.SwitchScope disables it.
  bool superseded = false;
};

/// A CPU's ring. Every event of the CPU writes into it.
struct CpuRing {
  int cpu = 0;
  /// Of the first event of the CPU; wakes when the ring is half full.
  int owner_fd = -1;
  /// None while the CPU is offline.
  std::optional<RingBuffer> buffer;
  /// Place of the first event in EventSet.bookkeeping().
  size_t owner = 0;
  /// How long that one had been counting when it was last asked, nanoseconds.
  uint64_t counted = 0;
};

/// The events of a sampler, and their rings. What is closed keeps its place, and whatever is opened in its stead takes it.
class EventSet {
 public:
  /// Gets every record that arrives while events are still being opened.
  using Collect = std::function<void(size_t ring, std::span<const std::byte> record)>;

  /// Opens everything, disabled but for the bookkeeping. A CPU that is offline is left out.
  /// `options` must outlive the set.
  static Result<EventSet> Open(const SamplerOptions& options, KernelFeatures features,
                               const Collect& collect);

  /// Where whole CPUs are sampled: opens the events of one more, disabled but for the bookkeeping, and its ring, whose place
  /// is returned. ENODEV: it is offline.
  Result<uint32_t> OpenCpu(int cpu);
  /// Closes them again. What is in the ring is gone then.
  void CloseCpu(int cpu);
  /// CPUs whose events count no more since the last call, or since they were opened. The kernel takes the events of a CPU
  /// away when it goes offline, for good, and says nothing: reading them gives what they had counted (Linux 6.18).
  std::vector<int> StoppedCpus();

  /// Of whole CPUs: opens other events in the place of those there are, disabled: of these cgroups, or of everything. Where
  /// one cannot be opened all stays as it was.
  Status OpenScope(std::optional<std::vector<ScopedCgroup>> cgroups);
  enum class Switched { kEnabled, kDisabled };
  /// Those that were there stop, and the others begin, where they are to be enabled.
  Status SwitchScope(Switched others);
  /// Closes those that were there. Drain the rings before.
  void CloseSuperseded();
  /// Nothing: everything is sampled.
  const std::optional<std::vector<ScopedCgroup>>& scope() const { return scope_; }

  Status Enable();
  void Disable();
  /// Whether every thread that was opened, and every child that inherited its events, has exited.
  bool AllThreadsGone() const;

  std::vector<CpuRing>& rings() { return rings_; }
  const std::vector<CpuRing>& rings() const { return rings_; }
  const std::vector<SampledEvent>& sampled() const { return sampled_; }
  const std::vector<Event>& bookkeeping() const { return bookkeeping_; }
  /// Records of processes that found no room in their ring, where the kernel counts them.
  uint64_t LostBookkeeping() const;
  /// The place of a CPU's ring; nothing: it has none.
  std::optional<uint32_t> RingOfCpu(int cpu) const;

 private:
  friend class EventOpener;

  EventSet(const SamplerOptions& options, KernelFeatures features)
      : options_(&options), features_(features) {}

  Status OpenBookkeeping(pid_t pid, int cpu);
  Status OpenRing(int cpu, Event owner);
  Status OpenSampled(pid_t pid, uint32_t session, int cpu);
  Status OpenInCgroup(const ScopedCgroup& cgroup, uint32_t session, int cpu);
  Status OpenSampledOfCpu(int cpu);
  Status Add(SampledEvent sampled);
  EventGroup GroupOf(uint32_t session, int cpu) const;
  perf_event_attr AttrOf(uint32_t session) const;
  void Close(SampledEvent& sampled);
  /// Sets what a tracepoint's records have to match.
  Status Filter(const Event& event, uint32_t session) const;
  size_t RingBytes() const;

  const SamplerOptions* options_;
  KernelFeatures features_;
  std::vector<CpuRing> rings_;
  std::vector<SampledEvent> sampled_;
  std::vector<Event> bookkeeping_;
  /// One bookkeeping event of each thread.
  std::vector<int> thread_fds_;
  /// By session and CPU: what was opened last, for the members of its group.
  std::map<std::pair<uint32_t, int>, int> leader_fds_;
  /// How many places of sampled_ are free.
  size_t closed_ = 0;
  std::optional<std::vector<ScopedCgroup>> scope_;
  /// By events that are closed.
  uint64_t lost_before_ = 0;
};

}  // namespace sonde
