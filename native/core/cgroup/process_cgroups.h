#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/cgroup/cgroup_tree.h"

namespace sonde {

/// The path that a text of /proc/PID/cgroup gives for the hierarchy of a v1 controller, or for cgroup2 where it is empty.
std::optional<std::string_view> PathInHierarchy(std::string_view text, std::string_view controller);

/// Whether the cgroup that the kernel puts into samples (PERF_SAMPLE_CGROUP) is one of `hierarchy`: it is of the one that
/// has the controller perf_event, cgroup2 unless somebody has mounted it for v1. `text`: of any /proc/PID/cgroup.
bool SamplesTellCgroup(const CgroupHierarchy& hierarchy, std::string_view text);

/// Which cgroup each process is in, where samples do not say it: from /proc/PID/cgroup, which is read when a process is
/// first asked for, after its execs, and once in a while. Used by one thread.
///
/// A process that has ended before it could be read is in the cgroup that its parent was in when it was forked, if that
/// is known and it has not run another program since (container engines move a process, then it execs); otherwise its
/// cgroup is unknown.
class ProcessCgroups {
 public:
  /// `tree` must outlive it.
  explicit ProcessCgroups(CgroupTree& tree, std::string proc = "/proc")
      : tree_(tree), proc_(std::move(proc)) {}

  /// The id of the cgroup of a process, `now` by CLOCK_MONOTONIC; 0: not known.
  uint64_t CgroupOf(uint32_t pid, uint64_t now);

  void OnFork(uint32_t parent, uint32_t child);
  void OnExec(uint32_t pid);
  void OnExit(uint32_t pid);
  /// Forgets the processes that have exited. Their last samples have come.
  void EndWindow();

 private:
  struct Entry {
    uint64_t cgroup = 0;
    /// When /proc was asked last; 0: not yet.
    uint64_t read_at = 0;
    bool exited = false;
  };

  std::optional<uint64_t> Read(uint32_t pid) const;

  CgroupTree& tree_;
  const std::string proc_;
  std::unordered_map<uint32_t, Entry> processes_;
};

}  // namespace sonde
