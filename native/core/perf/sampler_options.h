#pragma once

#include <linux/perf_event.h>
#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/cgroup/hierarchy.h"
#include "core/perf/cpus.h"
#include "core/perf/sample_filter.h"

namespace sonde {

/// What else perf_event_attr says of an event; most events leave it at 0.
struct EventDetails {
  /// Of a breakpoint its address and length.
  uint64_t config1 = 0;
  uint64_t config2 = 0;
  uint32_t breakpoint_type = 0;
  uint8_t precise_ip = 0;
  /// Unstated: with the kernel or the user.
  std::optional<bool> exclude_hypervisor = {};
  bool exclude_host = false;
  bool exclude_guest = false;
  bool pinned = false;
  bool exclusive = false;
};

/// One event to sample, as the JavaScript side asks for it.
struct SessionOptions {
  uint32_t id = 0;
  std::string name;  ///< perf's spelling, for messages
  uint32_t type = 0;
  uint64_t config = 0;
  /// Exactly one of the two is not 0.
  uint64_t frequency = 0;
  uint64_t period = 0;
  bool exclude_user = false;
  bool exclude_kernel = false;
  EventDetails details = {};
  /// Of a tracepoint: which of its occurrences count, in the kernel's words; empty: all.
  std::string filter = {};
  /// CPUs that the event's PMU counts on; empty: all that are sampled.
  std::vector<int> cpus = {};
  /// Of a member of a group: the place of its leader among the sessions, before its own.
  std::optional<uint32_t> leader = {};
  /// Of a leader: how many events its group has, itself among them.
  uint32_t group_size = 1;
  /// The group is read at each sample of its leader. That is a sample of each event that has counted since the one before,
  /// of what it has counted; the members take none of their own.
  bool leader_sampling = false;
  /// The event's count is nanoseconds of a clock.
  bool clock = false;
  uint16_t max_stack = 0;
  /// Bytes of the user's stack that come with each sample, to be unwound from; a multiple of 8. 0: the frames are those
  /// that the kernel finds by frame pointers.
  uint32_t stack_bytes = 0;

  /// Whether stacks have the kernel's part, and the user's; without the user's no bytes are copied. Samples count without either.
  bool kernel_stacks = true;
  bool user_stacks = true;
  /// Whether samples go by their threads' names, or by their processes'.
  bool thread_names = true;

  /// Whether the samples leave the period out. A software event that counts would otherwise make a sample of each single
  /// occurrence, whatever its period (perf_swevent_event, where PERF_SAMPLE_PERIOD is set and freq is not).
  bool PeriodIsImplied() const {
    const bool software =
        type == PERF_TYPE_SOFTWARE || type == PERF_TYPE_TRACEPOINT || type == PERF_TYPE_BREAKPOINT;
    return software && !clock && period != 0;
  }

  /// Whether its samples carry the counts of its group.
  bool ReadsGroup() const { return leader_sampling && !leader; }

  bool IsOn(int cpu) const { return cpus.empty() || std::ranges::find(cpus, cpu) != cpus.end(); }

  /// The period of a clock event, 0 for the others. A clock in frequency mode has a fixed period: the kernel computes
  /// it once, when the event is opened (perf_swevent_init_hrtimer), and rounds down.
  uint64_t ClockPeriod() const {
    if (!clock) return 0;
    return frequency != 0 ? 1'000'000'000 / frequency : period;
  }
};

/// What is sampled.
struct TargetOptions {
  enum class Kind { kCpus, kProcesses, kThreads, kCommand };
  Kind kind = Kind::kCpus;
  /// Sampled while they are online.
  std::vector<int> cpus = {};
  /// Processes, threads, or the one process that waits for its exec.
  std::vector<pid_t> ids = {};
  /// Children are sampled too.
  bool inherit = false;
};

/// What takes the samples out of the kernel.
enum class BackEnd : uint8_t {
  /// The events' own rings.
  kPerf,
  /// A BPF program on each event, and BPF rings.
  kBpf,
};

struct SamplerOptions {
  std::vector<SessionOptions> sessions;
  TargetOptions target;
  BackEnd back_end = BackEnd::kPerf;
  SampleFilter filter = {};
  CgroupHierarchy cgroups = {};
  /// Data bytes of each CPU's ring, a power of two times the page size.
  size_t ring_bytes = 0;
  size_t max_samples_per_window = 0;
  size_t max_stack_bytes_per_window = 0;
  /// Whether memory of processes that run V8 is read, for the names of their functions.
  bool names_javascript = true;
  /// Where the CPUs that are online stand.
  std::string online_cpus = kOnlineCpus;
  /// Nanoseconds after the start when sampling ends by itself; 0: never.
  uint64_t duration = 0;
};

}  // namespace sonde
