#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/v8/heap.h"

namespace sonde {

/// Counts the lines of sources that V8 has not counted itself. A bundled program is one source of megabytes with thousands
/// of functions: of each source it is kept how many lines end before every so many characters.
class V8Lines {
 public:
  /// How many lines end before `position` in the source of a script. Nothing where it cannot be read.
  std::optional<uint32_t> EndsBefore(V8Heap& heap, V8Object script, V8Object source,
                                     uint32_t position);

  /// An upper bound of what is kept.
  size_t bytes() const;

 private:
  /// What was counted of one source, and whose it was: objects move, and others take their places.
  struct Counted {
    V8Object source = 0;
    uint64_t script_id = 0;
    /// Up to each multiple of the step, from 0.
    std::vector<uint32_t> ends = {0};
  };

  std::unordered_map<V8Object, Counted> counted_;
  size_t marks_ = 0;
};

}  // namespace sonde
