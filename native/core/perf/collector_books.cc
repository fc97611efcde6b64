// The books of a window: what was due, what has arrived, and by what the rest was lost.

#include <algorithm>
#include <numeric>

#include "core/base/clock.h"
#include "core/perf/collector.h"
#include "core/perf/cpus.h"

namespace sonde {

void Collector::KeepFrom(uint64_t time, const EventSet& events, const CountCaptured& captured) {
  bounds_.from = time;
  current_->ForgetCounts();
  for (uint32_t session = 0; session < totals_.size(); session++) {
    totals_[session].losses = {};
    const LeftOutCounts left_out = std::exchange(totals_[session].left_out, {});
    LeaveOut(session, LeftOutReason::kOverlap,
             std::accumulate(left_out.begin(), left_out.end(), uint64_t{0}));
  }
  ReadCounts(events, captured);
  for (Source& source : sources_) {
    source.reading.arrived = source.arrived;
    source.before = Before{.read_at = std::exchange(source.read_at, UINT64_MAX),
                           .reading = source.reading,
                           .captured = source.captured};
  }
}

void Collector::SetBoundary(uint64_t time) {
  boundary_ = time;
  next_ = NewWindow();
  next_->ReserveLike(*current_);
}

std::vector<uint64_t> Collector::IdleOfCpus() const {
  if (options_.target.kind != TargetOptions::Kind::kCpus) return {};
  auto idle = IdleTimes();
  return idle ? std::move(*idle) : std::vector<uint64_t>{};
}

void Collector::ReadCounts(const EventSet& events, const CountCaptured& captured) {
  const std::vector<uint64_t> idle = idle_at_end_.empty() ? IdleOfCpus() : idle_at_end_;
  for (Source& source : sources_) {
    if (!source.ended) Read(events, captured, idle, source);
  }
  ReadDroppedRecords(events);
}

void Collector::EndRing(uint32_t ring, const EventSet& events, const CountCaptured& captured) {
  End(events, captured, [ring](const Source& source) { return source.ring == ring; });
}

void Collector::EndSuperseded(const EventSet& events, const CountCaptured& captured) {
  End(events, captured, [&](const Source& source) {
    return std::ranges::all_of(source.events,
                               [&](size_t place) { return events.sampled()[place].superseded; });
  });
}

template <typename Ends>
void Collector::End(const EventSet& events, const CountCaptured& captured, Ends&& ends) {
  const std::vector<uint64_t> idle = IdleOfCpus();
  for (Source& source : sources_) {
    if (source.ended || !ends(source)) continue;
    Read(events, captured, idle, source);
    source.ended = true;
  }
}

void Collector::Read(const EventSet& events, const CountCaptured& captured,
                     std::span<const uint64_t> idle, Source& source) const {
  const uint64_t now = MonotonicNow();
  const uint64_t ran = source.reading.running;
  const bool read = ReadEvents(events, source);
  // After the events: what comes in between must not look as if it had been missed.
  if (Captures()) {
    source.captured = captured(source.cpu, source.session).Since(source.captured_before);
  }
  if (!read) return;
  source.read_at = now;
  source.reading.at = MonotonicNow();
  source.reading.idle = IdleOf(source, idle, source.reading.running - ran);
}

/// How long its CPU was idle, if it `ran` so much longer than when it was read last.
uint64_t Collector::IdleOf(const Source& source, std::span<const uint64_t> idle,
                           uint64_t ran) const {
  if (source.in_cgroup || idle.empty() || source.cpu >= idle_at_start_.size())
    return source.reading.idle;
  const uint64_t total = source.cpu < idle.size() ? idle[source.cpu] : 0;
  const uint64_t start = idle_at_start_[source.cpu];
  // Nothing is said of a CPU that has gone offline: for all that is known it was idle before.
  if (total == 0 && start + source.reading.idle > 0) return source.reading.idle + ran;
  return total - start;
}

/// Sums up what the source's events say. Of several each has its own unfinished period.
bool Collector::ReadEvents(const EventSet& events, Source& source) const {
  const uint64_t period = source.ledger ? source.ledger->period() : 1;
  TickReading sum = {.idle = source.reading.idle};
  for (const size_t place : source.events) {
    const auto counts = events.sampled()[place].event.Read();
    if (!counts) return false;
    const bool alone = source.events.size() == 1;
    sum.running += alone ? counts->time_running : counts->time_running / period * period;
    sum.counted += counts->value;
    sum.lost += counts->lost;
  }
  source.reading = sum;
  return true;
}

void Collector::ReadDroppedRecords(const EventSet& events) {
  const bool was_full = std::ranges::any_of(full_at_, [](uint64_t time) { return time != 0; });
  if (!was_full) return;
  const uint64_t lost = events.LostBookkeeping();
  if (lost > bookkeeping_lost_) current_->AddDroppedRecords(lost - bookkeeping_lost_);
  bookkeeping_lost_ = std::max(bookkeeping_lost_, lost);
}

std::unique_ptr<Window> Collector::FinishWindow() {
  if (unwinder_ != nullptr) GiveUpWaiting();
  LeaveOutOverlap();
  for (Source& source : sources_) BookLosses(source);
  ForgetEnded();
  // Where perf takes the samples nobody asks.
  if (unwinder_ != nullptr && !Captures()) (void)unwinder_->TakeChainWishes();
  group_counts_.EndWindow();
  if (process_cgroups_) process_cgroups_->EndWindow();
  gate_.EndWindow();
  if (current_->dropped_records() > 0) gate_.Doubt();
  std::ranges::fill(full_at_, 0);
  start_times_.clear();
  boundary_ = UINT64_MAX;
  return std::exchange(current_, std::move(next_));
}

/// What came before the bounds were known.
void Collector::LeaveOutOverlap() {
  const std::vector<uint64_t> removed = current_->KeepOnly(bounds_);
  for (uint32_t session = 0; session < removed.size(); session++) {
    if (removed[session] == 0) continue;
    LeaveOut(session, LeftOutReason::kOverlap, removed[session]);
    SessionTotals& totals = totals_[session];
    totals.taken -= removed[session];
    if (!bounds_.Contains(totals.first_sample_time)) {
      totals.first_sample_time = current_->FirstTimeOf(session);
    }
  }
}

void Collector::ForgetEnded() {
  const auto ended = [](const Source& source) { return source.ended; };
  if (std::ranges::none_of(sources_, ended)) return;
  std::vector<std::optional<uint32_t>> places(sources_.size());
  uint32_t kept = 0;
  for (size_t place = 0; place < sources_.size(); place++) {
    if (!sources_[place].ended) places[place] = kept++;
  }
  std::erase_if(sources_, ended);
  std::erase_if(source_numbers_, [&](const auto& each) { return !places[each.second]; });
  for (auto& [id, number] : source_numbers_) number = *places[number];
  std::ranges::fill(last_source_, std::pair<uint64_t, uint32_t>{});
}

/// Takes what was before as having been said.
void Collector::BookBefore(Source& source) {
  if (!source.before) return;
  Before before = *std::exchange(source.before, std::nullopt);
  if (Captures()) {
    const CaptureCounts& captured = before.captured;
    LeaveOut(source.session, LeftOutReason::kOverlap, captured.filtered + captured.sampled_out);
    source.booked = captured;
    before.reading.arrived = captured.runs - captured.ring_full;
    before.reading.lost = captured.ring_full;
  }
  source.lost = before.reading.lost;
  if (!source.ledger || before.read_at == UINT64_MAX) return;
  before.reading.was_throttled = source.throttled;
  (void)source.ledger->Book(before.reading);
}

/// What the programs counted and the rings did not bring.
void Collector::BookCaptured(Source& source) {
  const CaptureCounts& now = source.captured;
  const CaptureCounts before = std::exchange(source.booked, now);
  LeaveOut(source.session, LeftOutReason::kFiltered, now.filtered - before.filtered);
  LeaveOut(source.session, LeftOutReason::kSampledOut, now.sampled_out - before.sampled_out);
  Lose(source.session, LossReason::kContended, now.contended - before.contended);
  Lose(source.session, LossReason::kCaptureFailed, now.failed - before.failed);
  // For the ledger: whatever ran has not been missed.
  source.arrived = now.runs - now.ring_full;
  source.reading.lost = now.ring_full;
}

void Collector::BookLosses(Source& source) {
  BookBefore(source);
  if (Captures()) BookCaptured(source);
  const uint64_t lost = source.reading.lost - std::min(source.lost, source.reading.lost);
  if (lost > 0) {
    source.lost += lost;
    Lose(source.session, LossReason::kRingFull, lost);
    const uint64_t last = std::min(boundary_, bounds_.until) - 1;
    const uint64_t time = full_at_[source.ring] != 0 ? full_at_[source.ring] : last;
    current_->AddNotice(source.session, {.kind = NoticeKind::kLost,
                                         .time = std::min(time, last),
                                         .cpu = source.cpu,
                                         .count = lost});
  }
  if (source.ledger && source.read_at != UINT64_MAX) {
    source.reading.arrived = source.arrived;
    source.reading.was_throttled = source.throttled;
    const TickLosses ticks = source.ledger->Book(source.reading);
    Lose(source.session, LossReason::kMissed, ticks.missed);
    Lose(source.session, LossReason::kThrottled, ticks.throttled);
  }
  source.arrived += source.arrived_after;
  source.arrived_after = 0;
  source.read_at = UINT64_MAX;
}

void Collector::LeaveOut(uint32_t session, LeftOutReason reason, uint64_t count) {
  current_->AddLeftOut(session, reason, count);
  totals_[session].left_out[static_cast<size_t>(reason)] += count;
}

void Collector::Lose(uint32_t session, LossReason reason, uint64_t count) {
  current_->AddLoss(session, reason, count);
  totals_[session].losses[static_cast<size_t>(reason)] += count;
}

}  // namespace sonde
