#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/perf/process_traits.h"
#include "core/perf/process_trees.h"
#include "core/perf/sample_filter.h"

namespace sonde {

/// Turns rules of trees into a rule for each process that is in one: it stays there when those between have ended.
class TreeRules {
 public:
  /// The filter with its trees spread; `living`: all processes. As many as `most` rules; further processes are left to be
  /// found by the programs, as long as those between live. What was in a tree before stays in it.
  SampleFilter Spread(const SampleFilter& filter, std::span<const ProcessTraits> living,
                      size_t most);
  /// The rules of a process that was forked; none where its parent is in no tree.
  std::vector<FilterRule> OnFork(uint32_t parent, uint32_t child);
  /// Whether the process was in a tree, which it has left. Its descendants stay.
  bool OnExit(uint32_t pid);

 private:
  std::vector<FilterRule> RulesOf(uint32_t pid) const;

  std::vector<FilterRule> trees_;
  ProcessTrees members_;
};

}  // namespace sonde
