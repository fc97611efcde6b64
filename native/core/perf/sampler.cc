#include "core/perf/sampler.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "core/base/clock.h"
#include "core/base/native_thread.h"
#include "core/base/small_file.h"
#include "core/perf/cpus.h"

namespace sonde {
namespace {

/// How long an interrupt on another CPU may take from its time stamp to its record. What comes later still is kept for
/// the next window, with its true time.
constexpr uint64_t kGrace = 2'000'000;
/// How long the end of a window waits for rows that its last samples need.
constexpr uint64_t kPatienceForRows = 300'000'000;
/// Rings are also looked at when they are far from full, for the progress that is shown.
constexpr int kPollMs = 1000;
/// Threads and commands: how soon their end is noticed.
constexpr int kTargetPollMs = 100;
constexpr size_t kMaxCgroupBytes = 64 << 10;
/// How long the closing thread has nothing to do before free memory is given back.
constexpr std::chrono::seconds kIdleBeforeTrim{1};
/// And how much of it is worth a millisecond.
constexpr size_t kFreeBytesToTrim = 4 << 20;
constexpr uint64_t kMillisecond = 1'000'000;
/// How soon a cgroup that is made anew at a path is the one that the path's rule is about.
constexpr uint64_t kFilterPeriod = 900'000'000;
/// Of cgroups, sessions and CPUs together: each is an event.
constexpr size_t kMaxScopedEvents = 4096;
constexpr int kDrainPriority = -10;
constexpr uint64_t kWakeToken = UINT64_MAX;
constexpr uint64_t kCpuToken = UINT64_MAX - 1;
/// And from here on rings of BPF; below it, those of perf.
constexpr uint64_t kBpfToken = uint64_t{1} << 32;

uint64_t RandomSeed() {
  uint64_t seed = MonotonicNow();
  (void)!getrandom(&seed, sizeof(seed), GRND_NONBLOCK);
  return seed;
}

bool CapturesStacks(const SamplerOptions& options) {
  return std::ranges::any_of(
      options.sessions, [](const SessionOptions& session) { return session.stack_bytes != 0; });
}

/// What is used of what this kernel has.
KernelFeatures FeaturesFor(const CgroupHierarchy& cgroups) {
  KernelFeatures features = KernelFeatures::Probe();
  const auto own = ReadSmallFile("/proc/self/cgroup", kMaxCgroupBytes);
  features.cgroup = features.cgroup && own && SamplesTellCgroup(cgroups, *own);
  return features;
}

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

/// One per CPU that may be sampled.
size_t MaxRings(const TargetOptions& target) {
  if (target.kind == TargetOptions::Kind::kCpus) return target.cpus.size();
  const auto online = OnlineCpus();
  const auto present = PresentCpus();
  return std::max(online ? online->size() : 0, present ? present->size() : 0);
}

}  // namespace

Sampler::Sampler(SamplerOptions options)
    : options_(std::move(options)),
      features_(FeaturesFor(options_.cgroups)),
      cgroups_(options_.cgroups),
      closer_(options_.sessions, options_.target),
      cpus_(options_.online_cpus),
      collector_(options_, features_, MaxRings(options_.target), RandomSeed()),
      totals_(options_.sessions.size()),
      next_filter_(options_.filter) {}

// --- the caller's thread -------------------------------------------------------------------------

Result<std::unique_ptr<Sampler>> Sampler::Open(SamplerOptions options) {
  std::unique_ptr<Sampler> sampler(new Sampler(std::move(options)));
  const Status opened = sampler->OpenEvents();
  if (!opened) return opened.error();
  sampler->drain_ = StartThread("sonde-sampler", [self = sampler.get()] { self->RunDrain(); });
  // After the events: what changes while /proc is read comes as records too.
  sampler->cgroups_.Walk();
  sampler->closer_.ReadProcesses(
      [self = sampler.get()](const ScannedProcess& process) { self->collector_.Show(process); });
  sampler->closing_ = StartThread("sonde-window", [self = sampler.get()] { self->RunClosing(); });
  return sampler;
}

Status Sampler::OpenEvents() {
  window_start_ = MonotonicNow();
  wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return SystemError("eventfd");
  if (CapturesStacks(options_)) {
    UniqueFd answers(fcntl(wake_.get(), F_DUPFD_CLOEXEC, 0));
    if (!answers) return SystemError("dup(eventfd)");
    collector_.UnwindStacks(std::move(answers));
  }
  if (cgroups_.exists()) {
    collector_.TellCgroups(cgroups_);
    closer_.TellCgroups(cgroups_);
  }
  if (options_.back_end == BackEnd::kBpf) {
    auto loaded = BpfSampler::Load(options_);
    if (!loaded) return loaded.error();
    bpf_ = std::move(*loaded);
    filter_ = options_.filter;
    GiveFilter();
    collector_.OnProcess([this](const ProcessRecord& record) { bpf_->filter().Apply(record); });
  }
  auto events = EventSet::Open(
      options_, features_, [this](size_t ring, auto record) { collector_.OnRecord(ring, record); });
  if (!events) return events.error();
  events_ = std::move(*events);
  filter_ = options_.filter;
  if (IncludesCgroupsOnly(filter_)) FitScope();
  collector_.Know(events_->sampled(), events_->rings());

  if (bpf_ != nullptr) {
    for (uint32_t ring = 0; ring < events_->rings().size(); ring++) {
      const Status attached = bpf_->AttachTo(*events_, ring);
      if (!attached) return attached;
    }
  }
  return WatchRings();
}

Status Sampler::WatchRings() {
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return SystemError("epoll_create1");
  epoll_event watched = {.events = EPOLLIN, .data = {.u64 = kWakeToken}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &watched) != 0) {
    return SystemError("epoll_ctl(eventfd)");
  }
  for (size_t ring = 0; ring < events_->rings().size(); ring++) {
    const Status watches = Watch(events_->rings()[ring].owner_fd, ring);
    if (!watches) return watches;
  }
  if (cpus_.fd() >= 0) {
    const Status watches = Watch(cpus_.fd(), kCpuToken);
    if (!watches) return watches;
  }
  return WatchBpfRings();
}

/// Those that are not watched yet.
Status Sampler::WatchBpfRings() {
  if (bpf_ == nullptr) return Ok();
  for (; bpf_watched_ < bpf_->rings().size(); bpf_watched_++) {
    const Status watches = Watch(bpf_->rings()[bpf_watched_].fd(), kBpfToken + bpf_watched_);
    if (!watches) return watches;
  }
  return Ok();
}

/// By edge: the event of a thread that has exited hangs up for ever, while its ring goes on for others.
Status Sampler::Watch(int fd, uint64_t token) {
  epoll_event watched = {.events = EPOLLIN | EPOLLET, .data = {.u64 = token}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &watched) != 0) {
    return SystemError("epoll_ctl(ring)");
  }
  return Ok();
}

Status Sampler::Start(StartState state) {
  if (!events_) return Error{EBADF, "start: the sampler is closed"};
  // After the events were opened: without privileges, a child that waits for its exec could not be sampled any more.
  if (collector_.unwinds()) not_dumpable_.emplace();
  started_at_ = MonotonicNow();
  Wake();  // it may have a deadline from now on
  const std::lock_guard lock(events_mutex_);
  paused_ = state == StartState::kPaused;
  if (paused_) return Ok();
  // A command's events are enabled by its exec.
  if (options_.target.kind == TargetOptions::Kind::kCommand) return Ok();
  return events_->Enable();
}

void Sampler::Pause() {
  const std::lock_guard lock(events_mutex_);
  paused_ = true;
  if (events_) events_->Disable();
}

Status Sampler::Resume() {
  if (!events_) return Error{EBADF, "resume: the sampler is closed"};
  // The drain thread disables them at the deadline, also where they are enabled just before.
  if (disable_requested_ || MonotonicNow() >= Deadline()) return Ok();
  const std::lock_guard lock(events_mutex_);
  paused_ = false;
  return events_->Enable();
}

Status Sampler::CloseWindow(Closed closed) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || !ready_.empty()) return Error{EBUSY, "closeWindow: a window is being closed"};
    if (stop_) return Error{EBADF, "closeWindow: the sampler is closed"};
    closed_ = std::move(closed);
  }
  close_requested_ = true;
  Wake();
  return Ok();
}

Status Sampler::Take(std::span<std::byte> into) {
  std::vector<std::byte> window;
  {
    const std::lock_guard lock(mutex_);
    if (ready_.empty() || into.size() != ready_.size()) {
      return Error{EINVAL, "take: " + std::to_string(into.size()) + " bytes for a window of " +
                               std::to_string(ready_.size())};
    }
    window.swap(ready_);
  }
  std::memcpy(into.data(), window.data(), window.size());
  return Ok();
}

std::vector<SessionTotals> Sampler::Totals() {
  const std::lock_guard lock(mutex_);
  return totals_;
}

std::string Sampler::FilterProblem() {
  const std::lock_guard lock(mutex_);
  return filter_problem_;
}

std::vector<CapturedOnCpu> Sampler::Captured(uint32_t session) {
  std::vector<CapturedOnCpu> captured;
  if (bpf_ == nullptr) return captured;
  const std::lock_guard lock(events_mutex_);
  for (const CpuRing& ring : events_->rings()) {
    const auto cpu = static_cast<uint32_t>(ring.cpu);
    captured.push_back({.cpu = cpu, .counts = bpf_->CountsOf(cpu, session)});
  }
  return captured;
}

SampledCpus Sampler::Cpus() {
  SampledCpus cpus;
  if (events_ && options_.target.kind == TargetOptions::Kind::kCpus) {
    const std::lock_guard lock(events_mutex_);
    for (const CpuRing& ring : events_->rings()) {
      if (ring.buffer) cpus.sampled.push_back(ring.cpu);
    }
  }
  std::ranges::sort(cpus.sampled);
  const std::lock_guard lock(mutex_);
  for (const auto& [cpu, problem] : cpu_problems_) {
    cpus.problems.push_back("CPU " + std::to_string(cpu) + " is not sampled: " + problem);
  }
  return cpus;
}

CgroupsSampled Sampler::Cgroups() {
  const std::lock_guard lock(mutex_);
  return cgroups_sampled_;
}

Status Sampler::SetFilter(SampleFilter filter) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return Error{EBADF, "setFilter: the sampler is closed"};
    next_filter_ = std::move(filter);
    cgroups_sampled_.missing.reset();
  }
  Wake();
  return Ok();
}

Status Sampler::KeepFrom(uint64_t time) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return Error{EBADF, "keepFrom: the sampler is closed"};
    if (finished_until_ != 0) return Error{EBUSY, "keepFrom: a window has been closed already"};
    bounds_.from = time;
  }
  Wake();
  return Ok();
}

Result<uint64_t> Sampler::KeepUntil(uint64_t time) {
  Disable();
  uint64_t until = time;
  {
    const std::lock_guard lock(mutex_);
    if (stop_) return Error{EBADF, "keepUntil: the sampler is closed"};
    until = std::max(time, finished_until_);
    bounds_.until = until;
  }
  Wake();
  return until;
}

void Sampler::Disable() {
  disable_requested_ = true;
  const std::lock_guard lock(events_mutex_);
  if (events_) events_->Disable();
}

void Sampler::Close() {
  Closed unfinished;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    handed_over_.notify_all();
  }
  if (wake_) Wake();
  if (drain_.joinable()) drain_.join();
  if (closing_.joinable()) closing_.join();
  {
    const std::lock_guard lock(mutex_);
    unfinished = std::exchange(closed_, nullptr);
    ready_ = {};
  }
  if (unfinished) unfinished(Error{ECANCELED, "closeWindow: the sampler was closed"});
  events_.reset();
  bpf_.reset();
  collector_.DropWaiting();
  not_dumpable_.reset();
  epoll_.Reset();
  wake_.Reset();
}

void Sampler::Wake() const {
  const uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof(one));
}

// --- the drain thread ----------------------------------------------------------------------------

void Sampler::RunDrain() {
  // A ring at a high rate fills within the time slices of two busy threads. Without the privilege it stays as it is.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kDrainPriority);
  TakeFilter();
  while (!stop_) {
    WaitForRecords();
    if (disabled_at_ == 0 && (disable_requested_ || MonotonicNow() >= Deadline())) DisableEvents();
    FollowCpus();
    TakeFilter();
    if (bpf_ != nullptr && MonotonicNow() >= filter_given_at_ + kFilterPeriod) GiveFilter();
    if (bpf_ == nullptr && NamesCgroups(filter_) &&
        MonotonicNow() >= scope_fitted_at_ + kFilterPeriod)
      FitScope();
    TakeBounds();
    if (close_requested_.exchange(false)) BeginWindowEnd();
    collector_.Retry();
    if (boundary_ != 0 && MayFinishWindow()) FinishWindow();
    PublishTotals();
  }
}

void Sampler::FollowCpus() {
  if (options_.target.kind != TargetOptions::Kind::kCpus) return;
  const auto look = cpus_.LookAt(MonotonicNow());
  if (look) FollowTo(*look);
}

/// What goes is drained first, and what comes begins with what /proc says of the processes: what happened there before was
/// not recorded.
void Sampler::FollowTo(const CpuWatch::Look& look) {
  const auto is_online = [&](int cpu) {
    return std::ranges::find(look.online, cpu) != look.online.end();
  };
  std::vector<int> gone = look.heard ? events_->StoppedCpus() : std::vector<int>{};
  for (const CpuRing& ring : events_->rings()) {
    if (ring.buffer && !is_online(ring.cpu)) gone.push_back(ring.cpu);
  }
  for (const int cpu : gone) EndCpu(cpu);
  for (const int cpu : options_.target.cpus) {
    if (is_online(cpu) && !events_->RingOfCpu(cpu)) BeginCpu(cpu);
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(cpu_problems_, [&](const auto& problem) { return !is_online(problem.first); });
}

void Sampler::EndCpu(int cpu) {
  const auto ring = events_->RingOfCpu(cpu);
  if (!ring) return;
  DrainAll();
  collector_.EndRing(*ring, *events_, CountCaptured());
  const std::lock_guard lock(events_mutex_);
  events_->CloseCpu(cpu);
}

void Sampler::BeginCpu(int cpu) {
  const Status sampled = SampleOn(cpu);
  const std::lock_guard lock(mutex_);
  cpu_problems_.erase(cpu);
  // It has gone offline again.
  if (sampled || sampled.error().code == ENODEV) return;
  cpu_problems_[cpu] = sampled.error().what + ": " + strerror(sampled.error().code);
}

Status Sampler::SampleOn(int cpu) {
  if (bpf_ != nullptr) {
    const Status room = bpf_->MakeRoomFor(cpu);
    if (!room) return room;
    const Status watches = WatchBpfRings();
    if (!watches) return watches;
  }
  const std::lock_guard lock(events_mutex_);
  const auto ring = events_->OpenCpu(cpu);
  if (!ring) return ring.error();
  const Status begun = BeginRing(*ring);
  if (!begun) events_->CloseCpu(cpu);
  return begun;
}

Status Sampler::BeginRing(uint32_t ring) {
  if (bpf_ != nullptr) {
    const Status attached = bpf_->AttachTo(*events_, ring);
    if (!attached) return attached;
  }
  const Status watches = Watch(events_->rings()[ring].owner_fd, ring);
  if (!watches) return watches;
  collector_.Know(events_->sampled(), events_->rings(), CountCaptured());
  collector_.MissRecords();
  return started_at_ != 0 && IsSampling() && !paused_ ? events_->Enable() : Ok();
}

Collector::CountCaptured Sampler::CountCaptured() const {
  return [this](uint32_t cpu, uint32_t session) {
    return bpf_ == nullptr ? CaptureCounts{} : bpf_->CountsOf(cpu, session);
  };
}

void Sampler::TakeFilter() {
  std::optional<SampleFilter> filter;
  {
    const std::lock_guard lock(mutex_);
    filter.swap(next_filter_);
  }
  if (!filter) return;
  if (bpf_ != nullptr) {
    filter_ = std::move(*filter);
    GiveFilter();
  } else {
    filter_ = std::move(*filter);
    {
      const std::lock_guard lock(mutex_);
      cgroups_sampled_.refused.clear();
    }
    FitScope();
  }
}

// --- cgroups by perf itself ----------------------------------------------------------------------

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

bool Sampler::IsSampling() const { return disabled_at_ == 0 && !disable_requested_; }

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

void Sampler::TakeBounds() {
  SampleBounds bounds;
  {
    const std::lock_guard lock(mutex_);
    bounds = bounds_;
  }
  Apply(bounds);
}

void Sampler::Apply(SampleBounds bounds) {
  if (bounds.from != kept_from_) {
    kept_from_ = bounds.from;
    collector_.KeepFrom(kept_from_, *events_, CountCaptured());
  }
  collector_.KeepUntil(bounds.until);
}

uint64_t Sampler::Deadline() const {
  const uint64_t started = started_at_;
  return started == 0 || options_.duration == 0 ? UINT64_MAX : started + options_.duration;
}

void Sampler::DisableEvents() {
  events_->Disable();
  disabled_at_ = MonotonicNow();
  collector_.OnDisabled();
}

int Sampler::WaitMilliseconds() const {
  if (boundary_ != 0) return 1;
  const bool whole_cpus = options_.target.kind == TargetOptions::Kind::kCpus;
  const int poll = whole_cpus ? kPollMs : kTargetPollMs;
  const uint64_t deadline = Deadline();
  if (deadline == UINT64_MAX || disabled_at_ != 0) return poll;
  const uint64_t now = MonotonicNow();
  const uint64_t left = deadline > now ? (deadline - now) / kMillisecond : 0;
  return static_cast<int>(std::min<uint64_t>(left, static_cast<uint64_t>(poll)));
}

void Sampler::WaitForRecords() {
  const bool threads = options_.target.kind != TargetOptions::Kind::kCpus;
  std::array<epoll_event, 64> ready;
  const int count = epoll_wait(epoll_.get(), ready.data(), ready.size(), WaitMilliseconds());
  for (int index = 0; index < count; index++) {
    const uint64_t token = ready[static_cast<size_t>(index)].data.u64;
    // What it says is read when the CPUs are looked at.
    if (token == kCpuToken) continue;
    if (token != kWakeToken) {
      DrainReady(token);
      continue;
    }
    uint64_t wakes = 0;
    (void)!read(wake_.get(), &wakes, sizeof(wakes));
  }
  if (count != 0) return;
  if (threads && events_->AllThreadsGone()) target_gone_ = true;
  // Asking an event whether it has hung up takes away the sign that its ring has something: look into all.
  DrainAll();
}

void Sampler::DrainReady(uint64_t token) {
  if (token < kBpfToken) return DrainRing(token);
  const size_t ring = token - kBpfToken;
  const uint64_t head = bpf_->rings()[ring].Head();
  LookAhead();
  DrainBpf(ring, head);
}

void Sampler::DrainBpf(size_t ring, uint64_t head) {
  bpf_->Drain(
      ring, head, [this](const CapturedSample& sample) { collector_.OnCaptured(sample); },
      [this] { collector_.OnMalformedCapture(); });
  collector_.VisitChainWishes(
      [this](const ChainWish& wish, uint64_t start_time) { bpf_->SetChain(wish, start_time); });
}

void Sampler::DrainRing(size_t ring) {
  std::optional<RingBuffer>& buffer = events_->rings()[ring].buffer;
  if (!buffer) return;
  const uint64_t head = buffer->reader().Head();
  LookAhead();
  DrainUpTo(ring, head);
}

void Sampler::DrainAll() {
  std::vector<uint64_t> heads;
  for (CpuRing& ring : events_->rings()) {
    heads.push_back(ring.buffer ? ring.buffer->reader().Head() : 0);
  }
  std::vector<uint64_t> bpf_heads;
  if (bpf_ != nullptr) {
    for (const BpfRing& ring : bpf_->rings()) bpf_heads.push_back(ring.Head());
  }
  LookAhead();
  for (size_t ring = 0; ring < heads.size(); ring++) DrainUpTo(ring, heads[ring]);
  for (size_t ring = 0; ring < bpf_heads.size(); ring++) DrainBpf(ring, bpf_heads[ring]);
}

void Sampler::DrainUpTo(size_t ring, uint64_t head) {
  std::optional<RingBuffer>& buffer = events_->rings()[ring].buffer;
  if (!buffer) return;
  const bool sound = buffer->reader().Drain(
      head, [&](std::span<const std::byte> record) { collector_.OnRecord(ring, record); });
  if (!sound) collector_.OnCorruptRing();
}

/// A sample's mappings, or the fork that made its process, may have been reported on another CPU: what stood in any ring
/// when its head was read, is known before it is looked at.
void Sampler::LookAhead() {
  if (!collector_.foresees()) return;
  for (CpuRing& ring : events_->rings()) {
    if (!ring.buffer) continue;
    ring.buffer->reader().Scan([&](const perf_event_header& header, auto&& bytes) {
      if (header.type != PERF_RECORD_SAMPLE) collector_.Foresee(bytes());
    });
  }
  collector_.Settle();
}

void Sampler::BeginWindowEnd() {
  // A CPU that was gone for less than a second, where the kernel's word does not reach.
  if (options_.target.kind == TargetOptions::Kind::kCpus) {
    const std::vector<int> stopped = events_->StoppedCpus();
    for (const int cpu : stopped) EndCpu(cpu);
    if (!stopped.empty()) cpus_.LookAgain();
  }
  // What is read after the events were disabled is from before.
  boundary_ = disabled_at_ != 0 ? std::max(disabled_at_, window_start_) : MonotonicNow();
  collector_.SetBoundary(boundary_);
  DrainAll();
}

bool Sampler::MayFinishWindow() const {
  const uint64_t now = MonotonicNow();
  return now >= boundary_ + kGrace && (!collector_.Waits() || now >= boundary_ + kPatienceForRows);
}

/// A window before the start, if any, begins with the opening.
WindowTimes Sampler::TimesOfWindow(SampleBounds bounds) {
  const uint64_t started = started_at_;
  const uint64_t first = sequence_ == 0 && started != 0 ? started : window_start_;
  const uint64_t end = std::min(boundary_, bounds.until);
  const uint64_t start = std::min(std::max(first, bounds.from), end);
  return {.start = start, .end = end, .unix_offset = UnixOffset(), .sequence = sequence_++};
}

void Sampler::FinishWindow() {
  SampleBounds bounds;
  {
    const std::lock_guard lock(mutex_);
    bounds = bounds_;
    finished_until_ = boundary_;
  }
  Apply(bounds);
  collector_.ReadCounts(*events_, CountCaptured());
  DrainAll();
  Handover handover{.window = collector_.FinishWindow(), .times = TimesOfWindow(bounds)};
  window_start_ = handover.times.end;
  boundary_ = 0;
  PublishTotals();
  const std::lock_guard lock(mutex_);
  handover_ = std::move(handover);
  handed_over_.notify_all();
}

void Sampler::PublishTotals() {
  const std::lock_guard lock(mutex_);
  totals_ = collector_.totals();
}

// --- the closing thread --------------------------------------------------------------------------

void Sampler::AwaitHandover(std::unique_lock<std::mutex>& lock) {
  const auto handed_over = [this] { return stop_ || handover_.window != nullptr; };
  // By then a window's consumers have let go of what they needed for it, and the next one is seconds away: the heap holds
  // free memory between what stays, which malloc gives back only when it is told to.
  if (!handed_over_.wait_for(lock, kIdleBeforeTrim, handed_over)) {
    lock.unlock();
    if (mallinfo2().fordblks > kFreeBytesToTrim) malloc_trim(0);
    lock.lock();
  }
  handed_over_.wait(lock, handed_over);
}

void Sampler::RunClosing() {
  while (true) {
    Handover handover;
    {
      std::unique_lock lock(mutex_);
      AwaitHandover(lock);
      if (handover_.window == nullptr) return;
      handover = std::move(handover_);
    }
    std::vector<std::byte> bytes = closer_.Close(*handover.window, handover.times);
    handover.window.reset();
    const size_t size = bytes.size();
    Closed closed;
    {
      const std::lock_guard lock(mutex_);
      ready_ = std::move(bytes);
      closed = std::exchange(closed_, nullptr);
    }
    if (closed) closed(size);
  }
}

}  // namespace sonde
