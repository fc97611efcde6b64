#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/perf/event_set.h"
#include "core/perf/proc_reader.h"

namespace sonde {

/// Opens the events of an EventSet.
///
/// For threads there is one event per thread and CPU, because an inherited event without a CPU cannot be mapped. A
/// process may make threads meanwhile: those made after their maker's events were opened inherit them, others must be
/// opened too, and no thread may be sampled twice. The maker's FORK record tells which: bookkeeping events are opened
/// first, so that none is missed, and its time says which of the maker's events existed.
class EventOpener {
 public:
  EventOpener(const SamplerOptions& options, KernelFeatures features,
              const EventSet::Collect& collect);

  Result<EventSet> Open();

 private:
  struct Fork {
    uint32_t parent = 0;
    uint64_t time = 0;
  };
  /// Whether a thread's events are open: it may have exited before.
  enum class Opened { kYes, kThreadGone };
  /// When each event of a thread began to be inherited, in the order they are opened; ~0: not at all.
  using Times = std::vector<uint64_t>;

  Status OpenCpus();
  Status OpenThreads();
  Result<std::vector<pid_t>> ThreadsOf(const TargetOptions& target) const;
  Result<Opened> OpenThread(pid_t tid);
  Status OpenOne(pid_t pid, uint32_t session, uint32_t cpu_index);
  Status OpenBookkeeping(pid_t pid, uint32_t cpu_index);
  size_t RingBytes() const;
  Times TimesOf(uint32_t tid, int depth) const;
  void CollectForks();
  Error Explain(Error error) const;

  const SamplerOptions& options_;
  const KernelFeatures features_;
  const EventSet::Collect& collect_;
  ProcReader proc_;
  std::vector<int> cpus_;
  /// Per place in cpus_: the ring, once there is one.
  std::vector<std::optional<uint32_t>> ring_of_;
  /// Per ring: place in EventSet.bookkeeping_ of its owner.
  std::vector<size_t> owners_;
  std::unordered_map<uint32_t, Fork> forks_;
  std::unordered_map<uint32_t, Times> opened_;
  /// By session and place in cpus_: what was opened last, for the members of its group.
  std::vector<int> leader_fds_;
  size_t threads_wanted_ = 0;
  EventSet set_;
};

}  // namespace sonde
