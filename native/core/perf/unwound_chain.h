#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/unwind/unwinder.h"

namespace sonde {

/// A call chain that was unwound here, as the words that a window keeps of it. It begins with a word that no chain of the
/// kernel begins with: those begin with a context marker of the kernel's own, whatever a process has in its memory.
struct UnwoundChain {
  std::span<const uint64_t> kernel = {};
  /// With kExactAddress where it applies; behind the address of a frame there may be the number of its function
  /// (kFrameFunction).
  std::span<const uint64_t> user = {};
  UnwindOutcome outcome = {};

  void AppendTo(std::vector<uint64_t>& words) const {
    words.push_back(kMark);
    words.push_back(uint64_t{outcome.name} << 32 | static_cast<uint64_t>(outcome.end) << 16 |
                    kernel.size());
    words.insert(words.end(), kernel.begin(), kernel.end());
    words.insert(words.end(), user.begin(), user.end());
  }

  /// Nothing where the words are a chain of the kernel.
  static std::optional<UnwoundChain> From(std::span<const uint64_t> words) {
    if (words.size() < 2 || words[0] != kMark) return std::nullopt;
    const size_t kernel = words[1] & 0xffff;
    return UnwoundChain{.kernel = words.subspan(2, kernel),
                        .user = words.subspan(2 + kernel),
                        .outcome = {.end = static_cast<UnwindEnd>(words[1] >> 16 & 0xff),
                                    .name = static_cast<uint32_t>(words[1] >> 32)}};
  }

 private:
  /// Among the values that are markers and not addresses, and none of the kernel's (PERF_CONTEXT_*).
  static constexpr uint64_t kMark = static_cast<uint64_t>(-3333);
};

}  // namespace sonde
