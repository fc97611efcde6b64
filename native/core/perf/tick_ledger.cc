#include "core/perf/tick_ledger.h"

#include <algorithm>

namespace sonde {
namespace {

/// /proc/stat counts in 1/100 s.
constexpr uint64_t kIdleGranularity = 10'000'000;
/// One interrupt of an idle CPU, at most: it is not idle time, and yields no sample either. Measured: 3.5 µs, doubled
/// and more by a nested hypervisor.
constexpr uint64_t kInterrupt = 15'000;

uint64_t Above(uint64_t left, uint64_t right) { return left > right ? left - right : 0; }

}  // namespace

uint64_t TickLedger::SlackFor(uint64_t idle) const {
  if (idle == 0) return 0;
  return kIdleGranularity + idle / 20 + idle / period_ * kInterrupt;
}

uint64_t TickLedger::DueSince(const TickReading& reading, uint64_t running) const {
  const uint64_t idle = Above(reading.idle, last_.idle);
  if (idle == 0) return running;
  // What came was due: the slack of this interval must not eat what was missed in another.
  const uint64_t came = Above(reading.arrived + reading.lost, last_.arrived + last_.lost) * period_;
  return std::max(came, Above(running, idle + SlackFor(idle)));
}

TickLosses TickLedger::Book(const TickReading& reading) {
  const uint64_t passed = reading.at == UINT64_MAX ? UINT64_MAX : Above(reading.at, last_.at);
  const uint64_t running = std::min(Above(reading.running, last_.running), passed);
  ran_ += running;
  due_ += DueSince(reading, running);
  uint64_t throttled = booked_.throttled;
  if (reading.was_throttled) {
    throttled = std::max(throttled, Above(ran_, reading.counted) / period_);
  }
  const uint64_t accounted = reading.arrived + reading.lost + throttled;
  const uint64_t missed = std::max(booked_.missed, Above(due_ / period_, accounted));
  const TickLosses losses{.missed = missed - booked_.missed,
                          .throttled = throttled - booked_.throttled};
  booked_ = {.missed = missed, .throttled = throttled};
  last_ = reading;
  return losses;
}

}  // namespace sonde
