#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/cgroup/cgroup_tree.h"
#include "core/perf/sample_filter.h"

namespace sonde {

/// A cgroup that events are opened for (PERF_FLAG_PID_CGROUP): they count while a task of it, or of one below it, runs.
struct ScopedCgroup {
  uint64_t id = 0;
  UniqueFd directory;
};

/// The cgroups that a filter includes, as they are now.
struct CgroupScope {
  /// None is another one, or below it: a sample would come twice.
  std::vector<ScopedCgroup> cgroups = {};
  /// Whether one is the root: everything is included then.
  bool everything = false;
  /// What is not there, by path or number.
  std::vector<std::string> missing = {};
};

/// Whether the kernel can leave out what the filter's rules do not include: all of those are of cgroups.
bool IncludesCgroupsOnly(const SampleFilter& filter);
/// What is left to decide of the samples that the kernel gives then.
SampleFilter WithoutIncludes(SampleFilter filter);
CgroupScope ScopeOf(const SampleFilter& filter, CgroupTree& cgroups);
/// Ascending.
std::vector<uint64_t> IdsOf(const std::vector<ScopedCgroup>& cgroups);

}  // namespace sonde
