#pragma once

#include <elfutils/libdw.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

#include "lines/dwarf_file.h"

namespace sonde {

/// The addresses of a request, ascending, and where each of a range stands among them.
class Wanted {
 public:
  explicit Wanted(std::span<const uint64_t> addresses) : addresses_(addresses) {}

  size_t size() const { return addresses_.size(); }
  uint64_t operator[](size_t position) const { return addresses_[position]; }

  /// First and behind the last position of those in [start, end).
  std::pair<uint32_t, uint32_t> Within(uint64_t start, uint64_t end) const {
    const auto first = std::lower_bound(addresses_.begin(), addresses_.end(), start);
    const auto last = std::lower_bound(first, addresses_.end(), std::max(start, end));
    return {static_cast<uint32_t>(first - addresses_.begin()),
            static_cast<uint32_t>(last - addresses_.begin())};
  }

 private:
  std::span<const uint64_t> addresses_;
};

/// Calls `visit(start, position)` with each wanted address in the code of a DIE, and the start of the range that has it.
/// Returns whether there was any. Code that is not loaded does not count.
template <typename Visit>
bool VisitWantedIn(Dwarf_Die* die, const DwarfFile& file, const Wanted& wanted, Visit&& visit) {
  /// More ranges than any function or unit has; a hostile list could go on for as long as its section.
  constexpr int kMaxRanges = 1 << 20;
  bool any = false;
  Dwarf_Addr base = 0, start = 0, end = 0;
  ptrdiff_t state = 0;
  for (int i = 0; i < kMaxRanges; i++) {
    state = dwarf_ranges(die, state, &base, &start, &end);
    if (state <= 0) break;
    const auto [first, last] = wanted.Within(start, end);
    if (first == last || !file.IsCode(start)) continue;
    any = true;
    for (uint32_t position = first; position < last; position++) visit(start, position);
  }
  return any;
}

}  // namespace sonde
