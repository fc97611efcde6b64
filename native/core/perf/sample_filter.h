#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sonde {

/// What a rule looks at, in the order of SAMPLE_MATCHES (src/core/sample-filter.ts).
enum class MatchKind : uint8_t {
  kPid,           ///< the process
  kTree,          ///< the process and its descendants
  kCgroup,        ///< the cgroup and those below it
  kComm,          ///< the thread's name, whole
  kUid,           ///< the effective user
  kKernelThread,  ///< a thread of the kernel
  kProcess,       ///< the process's name, whole: its first thread's
};

/// What becomes of the samples that match, in the order of FILTER_ACTIONS.
enum class FilterAction : uint8_t {
  kInclude,
  kExclude,
  /// One in `one_in` is kept.
  kThin,
};

struct FilterRule {
  MatchKind kind = MatchKind::kPid;
  FilterAction action = FilterAction::kInclude;
  /// Process, user, or id of the cgroup (0: by `text`).
  uint64_t value = 0;
  /// Name of the thread or process, or path of the cgroup from the hierarchy's root.
  std::string text = {};
  /// At least 1.
  uint32_t one_in = 1;

  bool operator==(const FilterRule&) const = default;
};

/// Which samples are wanted. One that any rule excludes is not; where there are rules that include, one of them must match.
/// Of several rules that thin, the most specific counts: process, tree, cgroup (the nearest), the thread's name, the process's,
/// user, kernel threads.
struct SampleFilter {
  std::vector<FilterRule> rules = {};

  bool empty() const { return rules.empty(); }
  bool operator==(const SampleFilter&) const = default;
};

}  // namespace sonde
