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

/// Bytes that may be read for one request, whatever number of addresses it has: each of them may lead to as much.
class ReadAllowance {
 public:
  explicit ReadAllowance(uint64_t bytes) : kept_(bytes / 2), left_(bytes) {}

  /// Whether so many may still be read. What is refused once is remembered.
  bool Allows(uint64_t bytes) {
    const bool allowed = bytes <= left_;
    refused_ = refused_ || !allowed;
    return allowed;
  }
  /// The same for what is wanted less than all else, for which half of the whole is kept.
  bool AllowsExtra(uint64_t bytes) {
    const bool allowed = left_ > kept_ && bytes <= left_ - kept_;
    refused_ = refused_ || !allowed;
    return allowed;
  }
  void Take(uint64_t bytes) { left_ -= std::min(left_, bytes); }

  bool refused() const { return refused_; }

 private:
  const uint64_t kept_;
  uint64_t left_;
  bool refused_ = false;
};

}  // namespace sonde
