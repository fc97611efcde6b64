#pragma once

#include <sys/random.h>

#include <cstdint>

namespace sonde {

/// A seed for HashBytes that nobody outside this process knows.
inline uint64_t NewHashSeed() {
  uint64_t seed = 0;
  (void)!getrandom(&seed, sizeof(seed), GRND_NONBLOCK);
  return seed;
}

}  // namespace sonde
