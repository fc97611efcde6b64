// The drain thread of a sampler: from the rings to the collector, and where windows end.

#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/base/clock.h"
#include "core/perf/sampler.h"

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
constexpr uint64_t kMillisecond = 1'000'000;
constexpr int kDrainPriority = -10;

}  // namespace

void Sampler::RunDrain() {
  // A ring at a high rate fills within the time slices of two busy threads. Without the privilege it stays as it is.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kDrainPriority);
  TakeFilter();
  while (!stop_) {
    WaitForRecords();
    if (disabled_at_ == 0 && (disable_requested_ || MonotonicNow() >= Deadline())) DisableEvents();
    FollowCpus();
    TakeFilter();
    LookForCgroups();
    TakeBounds();
    if (close_requested_.exchange(false)) BeginWindowEnd();
    collector_.Retry();
    if (boundary_ != 0 && MayFinishWindow()) FinishWindow();
    PublishTotals();
  }
}

Collector::CountCaptured Sampler::CountCaptured() const {
  return [this](uint32_t cpu, uint32_t session) {
    return bpf_ == nullptr ? CaptureCounts{} : bpf_->CountsOf(cpu, session);
  };
}

bool Sampler::IsSampling() const { return disabled_at_ == 0 && !disable_requested_; }

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

}  // namespace sonde
