#pragma once

#include <algorithm>
#include <cstdint>

namespace sonde {

/// Bytes that may be read of what a process writes: `most` at once, and then as many as have come back since, `rate` a second.
class ReadBudget {
 public:
  ReadBudget(uint64_t most, uint64_t rate) : most_(most), rate_(rate), left_(most) {}

  /// What may be read now. `now`: CLOCK_MONOTONIC in nanoseconds.
  uint64_t Left(uint64_t now) {
    constexpr uint64_t kMillisecond = 1'000'000;
    const uint64_t passed = now > filled_ ? (now - filled_) / kMillisecond : 0;
    const uint64_t back = filled_ == 0 ? most_ : std::min(passed, most_) * rate_ / 1000;
    left_ = std::min(most_, left_ + std::min(back, most_));
    filled_ = now;
    return left_;
  }
  void Take(uint64_t bytes) { left_ -= std::min(left_, bytes); }

 private:
  const uint64_t most_;
  const uint64_t rate_;
  uint64_t left_;
  uint64_t filled_ = 0;
};

}  // namespace sonde
