#include "core/perf/cgroup_scope.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace sonde {
namespace {

bool Includes(const FilterRule& rule) { return rule.action == FilterAction::kInclude; }

std::string NameOfCgroup(const FilterRule& rule) {
  return rule.value == 0 ? rule.text : std::to_string(rule.value);
}

}  // namespace

bool IncludesCgroupsOnly(const SampleFilter& filter) {
  const auto is_other = [](const FilterRule& rule) {
    return Includes(rule) && rule.kind != MatchKind::kCgroup;
  };
  return std::ranges::any_of(filter.rules, Includes) &&
         std::ranges::none_of(filter.rules, is_other);
}

SampleFilter WithoutIncludes(SampleFilter filter) {
  std::erase_if(filter.rules, Includes);
  return filter;
}

CgroupScope ScopeOf(const SampleFilter& filter, CgroupTree& cgroups) {
  CgroupScope scope;
  // In this order a cgroup comes before those below it.
  std::map<std::string, uint64_t> found;
  for (const FilterRule& rule : filter.rules) {
    if (!Includes(rule) || rule.kind != MatchKind::kCgroup) continue;
    const auto path = rule.value == 0 ? std::optional(rule.text) : cgroups.PathOf(rule.value);
    const auto id = path ? cgroups.IdOf(*path) : std::nullopt;
    if (id && (rule.value == 0 || *id == rule.value)) {
      found.emplace(*cgroups.PathOf(*id), *id);
    } else {
      scope.missing.push_back(NameOfCgroup(rule));
    }
  }
  std::vector<std::string> taken;
  for (const auto& [path, id] : found) {
    const auto is_above = [&](const std::string& other) { return IsCgroupWithin(path, other); };
    if (std::ranges::any_of(taken, is_above)) continue;
    UniqueFd directory = cgroups.Open(path);
    // It was removed in between.
    if (!directory) continue;
    scope.everything = scope.everything || path == "/";
    taken.push_back(path);
    scope.cgroups.push_back({.id = id, .directory = std::move(directory)});
  }
  return scope;
}

std::vector<uint64_t> IdsOf(const std::vector<ScopedCgroup>& cgroups) {
  std::vector<uint64_t> ids;
  for (const ScopedCgroup& cgroup : cgroups) ids.push_back(cgroup.id);
  std::ranges::sort(ids);
  return ids;
}

}  // namespace sonde
