#pragma once

#include <cstdint>

namespace sonde {

/// Numbers that look random to whoever does not know the seed; two multiplications' worth (xorshift64*, Vigna 2016).
class SmallRandom {
 public:
  explicit SmallRandom(uint64_t seed) : state_(seed == 0 ? 1 : seed) {}

  uint32_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return static_cast<uint32_t>((state_ * 0x2545f4914f6cdd1d) >> 32);
  }

  /// True once in `n` times, as chance has it.
  bool OneIn(uint32_t n) { return (uint64_t{Next()} * n) >> 32 == 0; }

 private:
  uint64_t state_;
};

}  // namespace sonde
