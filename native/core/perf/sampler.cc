#include "core/perf/sampler.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/base/clock.h"
#include "core/base/native_thread.h"
#include "core/base/small_file.h"
#include "core/perf/cpus.h"

namespace sonde {
namespace {

constexpr size_t kMaxCgroupBytes = 64 << 10;
/// How long the closing thread has nothing to do before free memory is given back.
constexpr std::chrono::seconds kIdleBeforeTrim{1};
/// And how much of it is worth a millisecond.
constexpr size_t kFreeBytesToTrim = 4 << 20;

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
      totals_(options_.sessions.size()) {}

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
  // The drain thread looks once more: what it names may have come while /proc was read.
  next_filter_ = options_.filter;
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
