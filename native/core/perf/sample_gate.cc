#include "core/perf/sample_gate.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sonde {
namespace {

/// The most specific first.
constexpr MatchKind kBySpecificity[] = {
    MatchKind::kPid,     MatchKind::kTree, MatchKind::kCgroup,       MatchKind::kComm,
    MatchKind::kProcess, MatchKind::kUid,  MatchKind::kKernelThread,
};

auto PlaceOf(const FilterRule& rule) { return std::ranges::find(kBySpecificity, rule.kind); }

}  // namespace

void SampleGate::Set(SampleFilter filter) {
  filter_ = std::move(filter);
  const auto rules_that = [this](FilterAction action) {
    std::vector<FilterRule> rules;
    std::ranges::copy_if(filter_.rules, std::back_inserter(rules),
                         [action](const FilterRule& rule) { return rule.action == action; });
    return rules;
  };
  excluding_ = rules_that(FilterAction::kExclude);
  including_ = rules_that(FilterAction::kInclude);
  thinning_ = rules_that(FilterAction::kThin);
  std::ranges::stable_sort(thinning_, {}, PlaceOf);
  std::vector<uint32_t> roots;
  bool asks_cgroups = false;
  for (const FilterRule& rule : filter_.rules) {
    if (rule.kind == MatchKind::kTree) roots.push_back(static_cast<uint32_t>(rule.value));
    if (rule.kind == MatchKind::kCgroup) asks_cgroups = true;
  }
  if (asks_cgroups && cgroups_ != nullptr) cgroups_->Walk();
  subjects_.Watch(roots);
}

void SampleGate::Apply(const ProcessRecord& record) {
  if (!open()) subjects_.Apply(record);
}

SampleGate::Verdict SampleGate::Decide(const SampleRecord& sample) {
  if (!IsWanted(sample)) return {.left_out = LeftOutReason::kFiltered};
  const uint32_t one_in = OneInOf(sample);
  if (one_in <= 1) return {};
  if (!random_.OneIn(one_in)) return {.left_out = LeftOutReason::kSampledOut};
  return {.factor = one_in};
}

bool SampleGate::IsWanted(const SampleRecord& sample) {
  const auto matches = [&](const FilterRule& rule) { return Matches(rule, sample); };
  if (std::ranges::any_of(excluding_, matches)) return false;
  return including_.empty() || std::ranges::any_of(including_, matches);
}

uint32_t SampleGate::OneInOf(const SampleRecord& sample) {
  const FilterRule* nearest = nullptr;
  for (const FilterRule& rule : thinning_) {
    // Behind a cgroup only others count: of those that a process is in, the one with the longest path is the nearest.
    if (nearest != nullptr && rule.kind != MatchKind::kCgroup) break;
    if (!Matches(rule, sample)) continue;
    if (rule.kind != MatchKind::kCgroup) return rule.one_in;
    if (nearest == nullptr || PathOf(rule).size() > PathOf(*nearest).size()) nearest = &rule;
  }
  return nearest == nullptr ? 1 : nearest->one_in;
}

bool SampleGate::Matches(const FilterRule& rule, const SampleRecord& sample) {
  switch (rule.kind) {
    case MatchKind::kPid:
      return sample.pid == rule.value;
    case MatchKind::kTree:
      return subjects_.IsInTree(static_cast<uint32_t>(rule.value), sample.pid);
    case MatchKind::kCgroup:
      return IsInCgroup(rule, sample.cgroup);
    case MatchKind::kComm:
      return subjects_.NameOf(sample) == rule.text;
    case MatchKind::kUid:
      return subjects_.UidOf(sample.pid, sample.time) == rule.value;
    case MatchKind::kKernelThread:
      return subjects_.IsKernelThread(sample.pid);
    case MatchKind::kProcess:
      return subjects_.ProcessNameOf(sample) == rule.text;
  }
  return false;
}

bool SampleGate::IsInCgroup(const FilterRule& rule, uint64_t cgroup) const {
  if (cgroup == 0 || cgroups_ == nullptr) return false;
  return rule.value != 0 ? cgroups_->IsWithin(cgroup, rule.value)
                         : cgroups_->IsWithin(cgroup, rule.text);
}

std::string SampleGate::PathOf(const FilterRule& rule) const {
  return rule.value == 0 ? rule.text : cgroups_->PathOf(rule.value).value_or("");
}

void SampleGate::EndWindow() {
  if (!open()) subjects_.EndWindow();
}

void SampleGate::Doubt() {
  if (!open()) subjects_.Doubt();
}

}  // namespace sonde
