#pragma once

#include <cstdint>

namespace sonde {

/// What one clock event says of itself at one moment; everything counts from when it was enabled.
struct TickReading {
  /// When it was read, on the monotonic clock; UINT64_MAX: not known.
  uint64_t at = UINT64_MAX;
  /// How long it was scheduled, nanoseconds (time_running).
  uint64_t running = 0;
  /// How long the kernel let it tick (the event's count): less than `running` while it was throttled.
  uint64_t counted = 0;
  /// How long its CPU was idle; 0 for events of threads.
  uint64_t idle = 0;
  /// Samples read up to this moment.
  uint64_t arrived = 0;
  /// Samples that the kernel counts as lost.
  uint64_t lost = 0;
  bool was_throttled = false;
};

struct TickLosses {
  uint64_t missed = 0;
  uint64_t throttled = 0;
};

/// Books the ticks of one clock event that were due and did not come.
///
///   due       = time_running / period
///   throttled = (time_running − count) / period
///   missed    = due − arrived − lost − throttled
///
/// Measured on Linux 6.18 with kernel.perf_event_max_sample_rate below the rate asked for: THROTTLE stops a cpu-clock
/// event until the next scheduler tick; its count then stands still, time_running goes on, and the sum of the intervals
/// between THROTTLE and UNTHROTTLE is exactly the difference. A task-clock event's count turns to nonsense at the first
/// UNTHROTTLE (2 s of running read as 498 s), so more than `running` is not believed.
///
/// An event of a cgroup that has only just run may say that it ran since the machine was started (Linux 6.18): no event runs
/// longer than there was time.
///
/// All quantities are totals, so that neither rounding nor the moment of a reading adds up. The kernel goes on counting
/// while the CPU is idle, though it makes no samples then (exclude_idle): idle time is taken off. It is known to 10 ms
/// only, and without the interrupts that came meanwhile, so a CPU that was idle for a part of an interval gets a
/// slack for it; one that was not idle gets none.
class TickLedger {
 public:
  /// `began`: before the event was enabled, on the monotonic clock.
  explicit TickLedger(uint64_t period, uint64_t began = 0) : period_(period) { last_.at = began; }

  uint64_t period() const { return period_; }

  /// The losses since the last call.
  TickLosses Book(const TickReading& reading);

 private:
  uint64_t DueSince(const TickReading& reading, uint64_t running) const;
  uint64_t SlackFor(uint64_t idle) const;

  uint64_t period_;
  TickReading last_;
  /// How long it was scheduled, as far as that can be.
  uint64_t ran_ = 0;
  /// Nanoseconds for which ticks were due.
  uint64_t due_ = 0;
  TickLosses booked_;
};

}  // namespace sonde
