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
/// How long the closing thread has nothing to do before free memory is given back.
constexpr std::chrono::seconds kIdleBeforeTrim{1};
/// And how much of it is worth a millisecond.
constexpr size_t kFreeBytesToTrim = 4 << 20;
constexpr uint64_t kMillisecond = 1'000'000;
constexpr int kDrainPriority = -10;
constexpr uint64_t kWakeToken = UINT64_MAX;

uint64_t RandomSeed() {
  uint64_t seed = MonotonicNow();
  (void)!getrandom(&seed, sizeof(seed), GRND_NONBLOCK);
  return seed;
}

bool CapturesStacks(const SamplerOptions& options) {
  return std::ranges::any_of(
      options.sessions, [](const SessionOptions& session) { return session.stack_bytes != 0; });
}

/// One per CPU that may be sampled.
size_t MaxRings(const TargetOptions& target) {
  if (target.kind == TargetOptions::Kind::kCpus) return target.cpus.size();
  const auto online = OnlineCpus();
  return online ? online->size() : 0;
}

}  // namespace

Sampler::Sampler(SamplerOptions options)
    : options_(std::move(options)),
      features_(KernelFeatures::Probe()),
      closer_(options_.sessions, options_.target),
      collector_(options_, features_, MaxRings(options_.target), RandomSeed()),
      totals_(options_.sessions.size()) {}

// --- the caller's thread -------------------------------------------------------------------------

Result<std::unique_ptr<Sampler>> Sampler::Open(SamplerOptions options) {
  std::unique_ptr<Sampler> sampler(new Sampler(std::move(options)));
  const Status opened = sampler->OpenEvents();
  if (!opened) return opened.error();
  sampler->drain_ = StartThread("sonde-sampler", [self = sampler.get()] { self->RunDrain(); });
  // After the events: what changes while /proc is read comes as records too.
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
  auto events = EventSet::Open(
      options_, features_, [this](size_t ring, auto record) { collector_.OnRecord(ring, record); });
  if (!events) return events.error();
  events_ = std::move(*events);
  collector_.Know(events_->sampled(), events_->rings());

  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return SystemError("epoll_create1");
  epoll_event watched = {.events = EPOLLIN, .data = {.u64 = kWakeToken}};
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &watched) != 0) {
    return SystemError("epoll_ctl(eventfd)");
  }
  for (size_t ring = 0; ring < events_->rings().size(); ring++) {
    // By edge: the event of a thread that has exited hangs up for ever, while its ring goes on for others.
    watched = {.events = EPOLLIN | EPOLLET, .data = {.u64 = ring}};
    const int fd = events_->rings()[ring].owner_fd;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &watched) != 0) {
      return SystemError("epoll_ctl(perf event)");
    }
  }
  return Ok();
}

Status Sampler::Start() {
  if (!events_) return Error{EBADF, "start: the sampler is closed"};
  // After the events were opened: without privileges, a child that waits for its exec could not be sampled any more.
  if (collector_.unwinds()) not_dumpable_.emplace();
  started_at_ = MonotonicNow();
  Wake();  // it may have a deadline from now on
  // A command's events are enabled by its exec.
  if (options_.target.kind == TargetOptions::Kind::kCommand) return Ok();
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

void Sampler::Disable() {
  disable_requested_ = true;
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
  while (!stop_) {
    WaitForRecords();
    if (disabled_at_ == 0 && (disable_requested_ || MonotonicNow() >= Deadline())) DisableEvents();
    if (close_requested_.exchange(false)) BeginWindowEnd();
    collector_.Retry();
    if (boundary_ != 0 && MayFinishWindow()) FinishWindow();
    PublishTotals();
  }
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
    if (token != kWakeToken) {
      DrainRing(token);
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

void Sampler::DrainRing(size_t ring) {
  RingReader& reader = events_->rings()[ring].buffer.reader();
  const uint64_t head = reader.Head();
  LookAhead();
  DrainUpTo(ring, head);
}

void Sampler::DrainAll() {
  std::vector<uint64_t> heads;
  for (CpuRing& ring : events_->rings()) heads.push_back(ring.buffer.reader().Head());
  LookAhead();
  for (size_t ring = 0; ring < heads.size(); ring++) DrainUpTo(ring, heads[ring]);
}

void Sampler::DrainUpTo(size_t ring, uint64_t head) {
  const bool sound = events_->rings()[ring].buffer.reader().Drain(
      head, [&](std::span<const std::byte> record) { collector_.OnRecord(ring, record); });
  if (!sound) collector_.OnCorruptRing();
}

/// A sample's mappings may have been reported on another CPU: what stood in any ring when its head was read, is known
/// before it is unwound.
void Sampler::LookAhead() {
  if (!collector_.unwinds()) return;
  for (CpuRing& ring : events_->rings()) {
    ring.buffer.reader().Scan([&](const perf_event_header& header, auto&& bytes) {
      if (header.type != PERF_RECORD_SAMPLE) collector_.Foresee(bytes());
    });
  }
  collector_.Settle();
}

void Sampler::BeginWindowEnd() {
  // What is read after the events were disabled is from before.
  boundary_ = disabled_at_ != 0 ? std::max(disabled_at_, window_start_) : MonotonicNow();
  collector_.SetBoundary(boundary_);
  DrainAll();
}

bool Sampler::MayFinishWindow() const {
  const uint64_t now = MonotonicNow();
  return now >= boundary_ + kGrace && (!collector_.Waits() || now >= boundary_ + kPatienceForRows);
}

void Sampler::FinishWindow() {
  collector_.ReadCounts(*events_);
  DrainAll();
  // A window before the start, if any, begins with the opening.
  const uint64_t started = started_at_;
  const uint64_t start = sequence_ == 0 && started != 0 ? started : window_start_;
  Handover handover{
      .window = collector_.FinishWindow(),
      .times = {
          .start = start, .end = boundary_, .unix_offset = UnixOffset(), .sequence = sequence_++}};
  window_start_ = boundary_;
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
