#include "core/bpf/tree_rules.h"

#include <algorithm>
#include <iterator>

namespace sonde {

SampleFilter TreeRules::Spread(const SampleFilter& filter, std::span<const ProcessTraits> living,
                               size_t most) {
  SampleFilter spread;
  trees_.clear();
  std::vector<uint32_t> roots;
  for (const FilterRule& rule : filter.rules) {
    if (rule.kind != MatchKind::kTree) {
      spread.rules.push_back(rule);
      continue;
    }
    trees_.push_back(rule);
    const auto root = static_cast<uint32_t>(rule.value);
    if (std::ranges::find(roots, root) == roots.end()) roots.push_back(root);
  }
  if (roots.empty()) {
    members_ = {};
    return spread;
  }
  members_.Watch(roots, living);
  for (const ProcessTraits& process : living) {
    const auto rules = RulesOf(process.pid);
    if (spread.rules.size() + rules.size() > most) break;
    std::ranges::copy(rules, std::back_inserter(spread.rules));
  }
  return spread;
}

std::vector<FilterRule> TreeRules::OnFork(uint32_t parent, uint32_t child) {
  if (trees_.empty()) return {};
  members_.OnFork(parent, child);
  return RulesOf(child);
}

bool TreeRules::OnExit(uint32_t pid) {
  if (!members_.Knows(pid)) return false;
  members_.Forget(pid);
  return true;
}

std::vector<FilterRule> TreeRules::RulesOf(uint32_t pid) const {
  std::vector<FilterRule> rules;
  for (const FilterRule& tree : trees_) {
    if (!members_.Contains(static_cast<uint32_t>(tree.value), pid)) continue;
    rules.push_back(tree);
    rules.back().value = pid;
  }
  return rules;
}

}  // namespace sonde
