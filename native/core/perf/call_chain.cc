#include "core/perf/call_chain.h"

#include <linux/perf_event.h>

#include <algorithm>

#include "core/perf/window.h"

namespace sonde {

CallChain CallChain::Split(std::span<const uint64_t> words) {
  CallChain chain;
  while (!words.empty()) {
    const bool marked = IsMarker(words[0]);
    const uint64_t marker = marked ? words[0] : 0;
    if (marked) words = words.subspan(1);
    const auto end = marker == static_cast<uint64_t>(PERF_CONTEXT_USER)
                         ? words.end()
                         : std::find_if(words.begin(), words.end(), IsMarker);
    const std::span<const uint64_t> part(words.begin(), end);
    words = words.subspan(part.size());
    if (marker == static_cast<uint64_t>(PERF_CONTEXT_KERNEL)) {
      chain.kernel = part;
    } else if (marker == static_cast<uint64_t>(PERF_CONTEXT_USER)) {
      chain.user = part;
    } else {
      chain.others += part.size();
    }
  }
  return chain;
}

}  // namespace sonde
