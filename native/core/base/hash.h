#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sonde {

inline constexpr uint64_t kFirstHashSecret = 0xa0761d6478bd642f;
inline constexpr uint64_t kSecondHashSecret = 0xe7037ed1a0b428db;

/// Both halves of a 128-bit product: wyhash's mixing step.
inline uint64_t MixHash(uint64_t left, uint64_t right) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(left) * right;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

/// Of bytes that somebody hostile may have chosen: `seed` is what he does not know.
inline uint64_t HashBytes(std::span<const std::byte> bytes, uint64_t seed) {
  uint64_t hash = seed ^ bytes.size();
  for (; bytes.size() >= 2 * sizeof(uint64_t); bytes = bytes.subspan(2 * sizeof(uint64_t))) {
    uint64_t words[2];
    std::memcpy(words, bytes.data(), sizeof(words));
    hash = MixHash(hash ^ words[0] ^ kFirstHashSecret, words[1] ^ kSecondHashSecret ^ seed);
  }
  uint64_t rest[2] = {};
  if (!bytes.empty()) std::memcpy(rest, bytes.data(), bytes.size());
  return MixHash(hash ^ rest[0] ^ kFirstHashSecret, rest[1] ^ kSecondHashSecret ^ seed);
}

}  // namespace sonde
