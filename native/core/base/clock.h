#pragma once

#include <time.h>

#include <cstdint>

namespace sonde {

inline uint64_t ClockNow(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

/// CLOCK_MONOTONIC in nanoseconds: the clock of every perf record and window.
inline uint64_t MonotonicNow() { return ClockNow(CLOCK_MONOTONIC); }

/// CLOCK_REALTIME minus CLOCK_MONOTONIC, from the quietest of a few readings.
inline int64_t UnixOffset() {
  int64_t offset = 0;
  uint64_t narrowest = UINT64_MAX;
  for (int reading = 0; reading < 5; reading++) {
    const uint64_t before = MonotonicNow();
    const uint64_t unix_time = ClockNow(CLOCK_REALTIME);
    const uint64_t after = MonotonicNow();
    if (after - before >= narrowest) continue;
    narrowest = after - before;
    offset = static_cast<int64_t>(unix_time - (before + narrowest / 2));
  }
  return offset;
}

}  // namespace sonde
