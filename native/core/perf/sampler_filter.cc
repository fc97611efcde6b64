// What a sampler is to sample, on its drain thread: by BPF, by perf's own cgroup events, or after samples were taken.

#include <algorithm>
#include <cstring>

#include "core/base/clock.h"
#include "core/perf/cgroup_scope.h"
#include "core/perf/sampler.h"

namespace sonde {
namespace {

/// How soon a cgroup that is made anew at a path is the one that the path's rule is about.
constexpr uint64_t kFilterPeriod = 900'000'000;
/// Of cgroups, sessions and CPUs together: each is an event.
constexpr size_t kMaxScopedEvents = 4096;

/// What no cgroup has.
constexpr uint64_t kNoCgroup = UINT64_MAX;

/// The rules with the ids of the cgroups that are at their paths now: what the BPF programs can compare. A rule whose cgroup
/// is not there stays, and matches nothing.
SampleFilter WithCgroupIds(SampleFilter filter, CgroupTree& cgroups) {
  for (FilterRule& rule : filter.rules) {
    if (rule.kind != MatchKind::kCgroup || rule.value != 0) continue;
    rule.value = cgroups.IdOf(rule.text).value_or(kNoCgroup);
  }
  return filter;
}

std::vector<std::string> MissingIn(const SampleFilter& with_ids) {
  std::vector<std::string> missing;
  for (const FilterRule& rule : with_ids.rules) {
    if (rule.kind == MatchKind::kCgroup && rule.value == kNoCgroup) missing.push_back(rule.text);
  }
  return missing;
}

bool NamesCgroups(const SampleFilter& filter) {
  return std::ranges::any_of(
      filter.rules, [](const FilterRule& rule) { return rule.kind == MatchKind::kCgroup; });
}

}  // namespace

void Sampler::TakeFilter() {
  std::optional<SampleFilter> filter;
  {
    const std::lock_guard lock(mutex_);
    filter.swap(next_filter_);
  }
  if (!filter) return;
  filter_ = std::move(*filter);
  if (bpf_ != nullptr) return GiveFilter();
  {
    const std::lock_guard lock(mutex_);
    cgroups_sampled_.refused.clear();
  }
  FitScope();
}

/// At the paths that the filter names, from time to time.
void Sampler::LookForCgroups() {
  const uint64_t now = MonotonicNow();
  if (bpf_ != nullptr) {
    if (now >= filter_given_at_ + kFilterPeriod) GiveFilter();
  } else if (NamesCgroups(filter_) && now >= scope_fitted_at_ + kFilterPeriod) {
    FitScope();
  }
}

/// perf samples only the cgroups that the filter includes, where it includes nothing else: of whatever else runs, nothing is
/// captured then. What may be at their paths is looked for again from time to time.
void Sampler::FitScope() {
  scope_fitted_at_ = MonotonicNow();
  auto wanted = ScopeWanted();
  const auto& is = events_->scope();
  const bool fits = wanted.has_value() == is.has_value() && (!is || IdsOf(*wanted) == IdsOf(*is));
  const Status switched = fits || !IsSampling() ? Ok() : SwitchScope(std::move(wanted));
  const bool scoped = events_->scope().has_value();
  SetGate(scoped ? WithoutIncludes(filter_) : filter_);
  const std::lock_guard lock(mutex_);
  cgroups_sampled_.by_kernel = scoped;
  filter_problem_.clear();
  if (switched) return;
  const std::string why = switched.error().what + ": " + strerror(switched.error().code);
  // Everything is sampled still, or what the filter before this one included.
  (scoped ? filter_problem_ : cgroups_sampled_.refused) = why;
}

/// Nothing: everything is to be sampled, and filtered.
std::optional<std::vector<ScopedCgroup>> Sampler::ScopeWanted() {
  CgroupScope scope = ScopeOf(filter_, cgroups_);
  const size_t events = scope.cgroups.size() * options_.sessions.size() * events_->rings().size();
  TellMissing(std::move(scope.missing));
  const std::lock_guard lock(mutex_);
  const bool may = options_.back_end == BackEnd::kPerf && cgroups_.exists() &&
                   options_.target.kind == TargetOptions::Kind::kCpus &&
                   cgroups_sampled_.refused.empty();
  const bool should =
      IncludesCgroupsOnly(filter_) && !scope.everything && events <= kMaxScopedEvents;
  if (!may || !should) return std::nullopt;
  return std::move(scope.cgroups);
}

/// What the events before brought, and what both bring while they take turns, is decided by the whole filter.
Status Sampler::SwitchScope(std::optional<std::vector<ScopedCgroup>> cgroups) {
  DrainAll();
  Status switched = Ok();
  {
    const std::lock_guard lock(events_mutex_);
    const Status opened = events_->OpenScope(std::move(cgroups));
    if (!opened) return opened;
    SetGate(filter_);
    collector_.Know(events_->sampled(), events_->rings());
    const bool enables = started_at_ != 0 && !disable_requested_ && !paused_;
    switched = events_->SwitchScope(enables ? EventSet::Switched::kEnabled
                                            : EventSet::Switched::kDisabled);
  }
  DrainAll();
  collector_.EndSuperseded(*events_, CountCaptured());
  const std::lock_guard lock(events_mutex_);
  events_->CloseSuperseded();
  return switched;
}

void Sampler::SetGate(SampleFilter filter) {
  if (gate_ == filter) return;
  gate_ = filter;
  collector_.SetFilter(std::move(filter));
}

/// The cgroup at a path may be another one than it was. A filter that the programs cannot take is applied to none: the one
/// that was in force stays.
void Sampler::GiveFilter() {
  SampleFilter with_ids = WithCgroupIds(filter_, cgroups_);
  filter_given_at_ = MonotonicNow();
  TellMissing(MissingIn(with_ids));
  if (given_filter_ == with_ids) return;
  const Status given = bpf_->filter().Set(with_ids, ProcessTraitsReader().All());
  // What was refused is not tried again: the kernel would refuse it again.
  given_filter_ = std::move(with_ids);
  const std::lock_guard lock(mutex_);
  filter_problem_ = given ? "" : given.error().what;
}

void Sampler::TellMissing(std::vector<std::string> missing) {
  const std::lock_guard lock(mutex_);
  // A newer filter has come meanwhile: this is not what it lacks.
  if (!next_filter_) cgroups_sampled_.missing = std::move(missing);
}

}  // namespace sonde
