#pragma once

#include <string>

namespace sonde {

/// A cgroup hierarchy: the tree in which processes are told apart.
struct CgroupHierarchy {
  /// The v1 controller whose tree it is, `memory`; empty: cgroup2.
  std::string controller = {};
  /// Where it is mounted; empty: nowhere, and no cgroup has a path.
  std::string mount = {};
  /// Which of its cgroups is mounted there, as /proc/self/mountinfo says: `/`, or from the root of the agent's cgroup
  /// namespace, `/../..`.
  std::string root = "/";

  bool operator==(const CgroupHierarchy&) const = default;
};

}  // namespace sonde
