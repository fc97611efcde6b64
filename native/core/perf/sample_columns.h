#pragma once

#include <cstdint>
#include <vector>

#include "core/perf/window.h"

namespace sonde {

/// The samples of one session in order of time.
struct OrderedSamples {
  std::vector<SampleRow> rows;
};

/// Merges what the rings delivered and gives each session its own. Takes the rows out of `rings`.
std::vector<OrderedSamples> OrderSamples(std::vector<std::vector<SampleRow>>& rings,
                                         size_t sessions);

}  // namespace sonde
