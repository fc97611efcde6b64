#pragma once

#include <cstdint>

namespace sonde {

/// A range of addresses as a file states them.
struct SvmaRange {
  uint64_t start = 0;
  uint64_t end = 0;

  bool Contains(uint64_t svma) const { return svma >= start && svma < end; }
};

}  // namespace sonde
