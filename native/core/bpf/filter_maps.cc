#include "core/bpf/filter_maps.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cstring>

namespace sonde {
namespace {

static_assert(static_cast<int>(MatchKind::kPid) == SONDE_MATCH_PID);
static_assert(static_cast<int>(MatchKind::kTree) == SONDE_MATCH_TREE);
static_assert(static_cast<int>(MatchKind::kCgroup) == SONDE_MATCH_CGROUP);
static_assert(static_cast<int>(MatchKind::kComm) == SONDE_MATCH_COMM);
static_assert(static_cast<int>(MatchKind::kUid) == SONDE_MATCH_UID);
static_assert(static_cast<int>(MatchKind::kKernelThread) == SONDE_MATCH_KERNEL_THREAD);
static_assert(static_cast<int>(MatchKind::kProcess) == SONDE_MATCH_PROCESS);

bool IsOfName(const FilterRule& rule) {
  return rule.kind == MatchKind::kComm || rule.kind == MatchKind::kProcess;
}

sonde_rule_key KeyOf(const FilterRule& rule, uint32_t generation) {
  sonde_rule_key key = {
      .generation = generation, .kind = static_cast<uint32_t>(rule.kind), .value = {rule.value, 0}};
  if (!IsOfName(rule)) return key;
  // As task_struct.comm: cut, and ended by a NUL.
  key.value[0] = 0;
  std::memcpy(key.value, rule.text.data(),
              std::min<size_t>(rule.text.size(), SONDE_COMM_BYTES - 1));
  return key;
}

bool SameKey(const sonde_rule_key& left, const sonde_rule_key& right) {
  return std::memcmp(&left, &right, sizeof(left)) == 0;
}

void AddTo(sonde_rule& sum, const FilterRule& rule) {
  switch (rule.action) {
    case FilterAction::kInclude:
      sum.actions |= SONDE_INCLUDE;
      break;
    case FilterAction::kExclude:
      sum.actions |= SONDE_EXCLUDE;
      break;
    case FilterAction::kThin:
      if (sum.one_in == 0) sum.one_in = rule.one_in;
      break;
  }
}

sonde_filter SummaryOf(const SampleFilter& filter, uint32_t generation) {
  sonde_filter summary = {.generation = generation, .kinds = 0, .includes = 0, .unused = 0};
  for (const FilterRule& rule : filter.rules) {
    summary.kinds |= 1u << static_cast<uint32_t>(rule.kind);
    if (rule.action == FilterAction::kInclude) summary.includes = 1;
  }
  return summary;
}

}  // namespace

FilterMaps::Rules FilterMaps::RulesOf(const SampleFilter& filter, uint32_t generation) {
  Rules rules;
  for (const FilterRule& rule : filter.rules) {
    const sonde_rule_key key = KeyOf(rule, generation);
    auto found =
        std::ranges::find_if(rules, [&](const auto& known) { return SameKey(known.first, key); });
    if (found == rules.end()) found = rules.insert(rules.end(), {key, sonde_rule{}});
    AddTo(found->second, rule);
  }
  return rules;
}

Status FilterMaps::Set(const SampleFilter& filter, std::span<const ProcessTraits> living) {
  if (filter.rules.size() > SONDE_MAX_RULES) {
    return Error{ENOSPC, "a filter of " + std::to_string(filter.rules.size()) + " rules: at most " +
                             std::to_string(int{SONDE_MAX_RULES}) + " are possible"};
  }
  Remove(std::exchange(previous_, {}));
  Rules rules = RulesOf(trees_.Spread(filter, living, SONDE_MAX_RULES), generation_ + 1);
  const Status written = Write(rules);
  if (!written) {
    Remove(rules);
    return written;
  }
  generation_++;
  const uint32_t next = (config_->active + 1) & 1;
  config_->filters[next] = SummaryOf(filter, generation_);
  __atomic_store_n(&config_->active, next, __ATOMIC_RELEASE);
  previous_ = std::exchange(in_force_, std::move(rules));
  return Ok();
}

Status FilterMaps::Write(const Rules& rules) const {
  for (const auto& [key, rule] : rules) {
    if (bpf_map_update_elem(rules_fd_, &key, &rule, BPF_ANY) != 0) {
      return SystemError("bpf(BPF_MAP_UPDATE_ELEM, rules)");
    }
  }
  return Ok();
}

void FilterMaps::Apply(const ProcessRecord& record) {
  switch (record.kind) {
    case ProcessEventKind::kFork:
      // A thread's is one of its own process.
      if (record.pid != record.parent_pid) AddToTree(record.parent_pid, record.pid);
      break;
    case ProcessEventKind::kExit:
      if (record.pid == record.tid) RemoveFromTree(record.pid);
      break;
    case ProcessEventKind::kComm:
    case ProcessEventKind::kMmap:
      break;
  }
}

void FilterMaps::AddToTree(uint32_t parent, uint32_t child) {
  const Rules rules = RulesOf({trees_.OnFork(parent, child)}, generation_);
  if (rules.empty() || in_force_.size() >= SONDE_MAX_RULES || !Write(rules)) return;
  in_force_.push_back(rules.front());
  ForgetTree(child);
}

void FilterMaps::RemoveFromTree(uint32_t pid) {
  if (!trees_.OnExit(pid)) return;
  const auto key = KeyOf({.kind = MatchKind::kTree, .value = pid}, generation_);
  (void)bpf_map_delete_elem(rules_fd_, &key);
  std::erase_if(in_force_, [&](const auto& known) { return SameKey(known.first, key); });
}

/// What a program may have found out of a process before its rule was there.
void FilterMaps::ForgetTree(uint32_t pid) const {
  const sonde_known_key key = {.generation = generation_, .kind = SONDE_MATCH_TREE, .value = pid};
  (void)bpf_map_delete_elem(known_fd_, &key);
}

void FilterMaps::Remove(const Rules& rules) const {
  for (const auto& [key, rule] : rules) bpf_map_delete_elem(rules_fd_, &key);
}

}  // namespace sonde
