#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "bpf/include/sampler_abi.h"
#include "core/base/result.h"
#include "core/bpf/tree_rules.h"
#include "core/perf/process_record.h"
#include "core/perf/sample_filter.h"

namespace sonde {

/// Puts a SampleFilter where the programs read it. Two stand side by side, so that a sample is judged by the one or the
/// other as a whole. Used by one thread.
class FilterMaps {
 public:
  /// Descriptors of the maps.
  struct Maps {
    int rules = -1;
    int known = -1;
  };

  /// `config`: shared with the programs, and outlives this.
  FilterMaps(Maps maps, sonde_config* config)
      : rules_fd_(maps.rules), known_fd_(maps.known), config_(config) {}

  /// The rules' cgroups are ids already; `living`: all processes. On an error the filter that was in force stays. ENOSPC
  /// where there are too many rules.
  Status Set(const SampleFilter& filter, std::span<const ProcessTraits> living);
  /// FORK and EXIT: the programs find what a process descends from while those above it live. Of one that they may see too
  /// late for that, the rules are said here.
  void Apply(const ProcessRecord& record);

 private:
  using Rules = std::vector<std::pair<sonde_rule_key, sonde_rule>>;

  static Rules RulesOf(const SampleFilter& filter, uint32_t generation);
  Status Write(const Rules& rules) const;
  void Remove(const Rules& rules) const;
  void AddToTree(uint32_t parent, uint32_t child);
  void RemoveFromTree(uint32_t pid);
  void ForgetTree(uint32_t pid) const;

  int rules_fd_;
  int known_fd_;
  sonde_config* config_;
  TreeRules trees_;
  uint32_t generation_ = 0;
  Rules in_force_;
  /// Of the filter before: a program that began with it may still run.
  Rules previous_;
};

}  // namespace sonde
