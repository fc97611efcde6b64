#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/base/unique_fd.h"
#include "core/cgroup/hierarchy.h"

namespace sonde {

/// The paths of cgroups, by id.
using CgroupPaths = std::unordered_map<uint64_t, std::string>;

/// Whether the cgroup at `path` is the one at `ancestor` or lies below it. Both from the hierarchy's root.
bool IsCgroupWithin(std::string_view path, std::string_view ancestor);

/// The cgroups of one hierarchy. An id is the kernel's (cgroup_id, what PERF_SAMPLE_CGROUP and BPF give): it is never
/// used again, so a cgroup that is made where one was removed has another id and is another cgroup. A path begins at the
/// hierarchy's root: `/`, `/kubepods/burstable`. From any thread; no look-up waits for a walk.
class CgroupTree {
 public:
  /// What one hierarchy may cost: containers can make as many cgroups as they like, as deep as they like.
  struct Limits {
    size_t cgroups = 1 << 16;
    size_t depth = 64;
  };

  explicit CgroupTree(CgroupHierarchy hierarchy) : CgroupTree(std::move(hierarchy), Limits{}) {}
  CgroupTree(CgroupHierarchy hierarchy, Limits limits);

  const CgroupHierarchy& hierarchy() const { return hierarchy_; }
  /// Whether there is anything to look into.
  bool exists() const { return static_cast<bool>(mount_); }

  /// The cgroup that is at `path` now; the file system is asked each time, and what it says is remembered. Nothing where
  /// there is none.
  std::optional<uint64_t> IdOf(std::string_view path);
  /// The same of a path as /proc/PID/cgroup prints it, from the root of the agent's cgroup namespace.
  std::optional<uint64_t> IdOfPrinted(std::string_view path);
  /// The directory of the cgroup that is at `path` now; none where there is none.
  UniqueFd Open(std::string_view path) const;
  /// Nothing where it is not known (yet).
  std::optional<std::string> PathOf(uint64_t id) const;
  /// Whether `cgroup` is `ancestor` or lies below it; false where either is not known.
  bool IsWithin(uint64_t cgroup, uint64_t ancestor) const;
  /// The same of whatever cgroup is at the path.
  bool IsWithin(uint64_t cgroup, std::string_view ancestor) const;

  /// Takes over what the kernel says of a cgroup it has made (PERF_RECORD_CGROUP).
  void Learn(uint64_t id, std::string_view path);
  /// Reads the whole tree. What vanishes meanwhile is left out.
  void Walk();
  /// The paths of `ids`, as far as they can be found out: walks where one is not known, once in a window.
  CgroupPaths PathsOf(const std::unordered_set<uint64_t>& ids);
  /// Cgroups that were found gone keep their paths to the end of the window after: samples of them may come until then.
  void EndWindow();

 private:
  struct Known {
    std::string path;
    /// Of the last walk that saw it, or the next one where it was learnt since.
    uint64_t seen = 0;
    /// The window in which a walk missed it; 0: none has.
    uint64_t gone = 0;
  };

  bool IsPart() const;
  std::optional<std::string> RelativePath(std::string_view normalized) const;
  CgroupPaths ReadTree() const;
  void Add(uint64_t id, std::string path);
  void Forget(uint64_t id);

  const CgroupHierarchy hierarchy_;
  const Limits limits_;
  UniqueFd mount_;

  std::mutex walk_mutex_;
  mutable std::mutex mutex_;
  // Under mutex_.
  std::unordered_map<uint64_t, Known> known_;
  /// The newest cgroup at each path.
  std::unordered_map<std::string, uint64_t> newest_;
  uint64_t walks_ = 0;
  uint64_t window_ = 1;
  bool walked_in_window_ = false;
  size_t learnt_since_walk_ = 0;
};

}  // namespace sonde
