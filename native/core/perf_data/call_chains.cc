#include "core/perf_data/call_chains.h"

#include <linux/perf_event.h>

#include <algorithm>

#include "core/perf_data/sample_records.h"

namespace sonde {
namespace {

/// The addresses of a window's frames in their processes, or in the kernel; 0 for what has none.
std::vector<uint64_t> AddressesOf(const WindowSections& window) {
  const auto kinds = window.Read<uint8_t>(layout::kFrameKind);
  const auto mappings = window.Read<uint32_t>(layout::kFrameMapping);
  const auto stated = window.Read<uint64_t>(layout::kFrameAddress);
  const auto biases = window.Read<uint64_t>(layout::kMappingBias);
  std::vector<uint64_t> addresses(kinds.size());
  for (size_t frame = 0; frame < std::min({kinds.size(), mappings.size(), stated.size()});
       frame++) {
    switch (static_cast<FrameKind>(kinds[frame])) {
      case FrameKind::kNative:
        addresses[frame] = stated[frame];
        if (mappings[frame] < biases.size()) addresses[frame] += biases[mappings[frame]];
        break;
      case FrameKind::kKernel:
        addresses[frame] = stated[frame];
        break;
      case FrameKind::kInterpreted:
      case FrameKind::kReason:
        break;
    }
  }
  return addresses;
}

}  // namespace

CallChains::CallChains(const WindowSections& window)
    : frame_kinds_(window.Read<uint8_t>(layout::kFrameKind)),
      frame_addresses_(AddressesOf(window)) {
  const auto offsets = window.Read<uint32_t>(layout::kStackOffsets);
  const auto frames = window.Read<uint32_t>(layout::kStackFrames);
  // Few stacks change between user and kernel more often than once.
  entries_.reserve(frames.size() + 2 * offsets.size());
  offsets_.reserve(offsets.size());
  cpumodes_.reserve(offsets.size());
  for (size_t stack = 0; stack + 1 < offsets.size(); stack++) {
    const size_t begin = std::min<size_t>(offsets[stack], frames.size());
    const size_t end = std::clamp<size_t>(offsets[stack + 1], begin, frames.size());
    Append(frames.subspan(begin, end - begin));
  }
}

void CallChains::Append(std::span<const uint32_t> frames) {
  const size_t first = entries_.size();
  FrameKind part = FrameKind::kReason;
  uint16_t cpumode = PERF_RECORD_MISC_USER;
  for (const uint32_t frame : frames) {
    if (frame >= frame_kinds_.size()) continue;
    const auto kind = static_cast<FrameKind>(frame_kinds_[frame]);
    if (kind != FrameKind::kNative && kind != FrameKind::kKernel) continue;
    // The outermost frames of a stack that does not fit into a record are left out.
    if (entries_.size() - first + 2 > kMaxChainEntries) break;
    if (kind != part) {
      const bool kernel = kind == FrameKind::kKernel;
      if (entries_.size() == first && kernel) cpumode = PERF_RECORD_MISC_KERNEL;
      entries_.push_back(kernel ? PERF_CONTEXT_KERNEL : PERF_CONTEXT_USER);
      part = kind;
    }
    entries_.push_back(frame_addresses_[frame]);
  }
  offsets_.push_back(entries_.size());
  cpumodes_.push_back(cpumode);
}

CallChains::Chain CallChains::Of(uint32_t stack) const {
  if (stack >= cpumodes_.size()) return {.entries = {}, .cpumode = PERF_RECORD_MISC_USER};
  const size_t begin = offsets_[stack];
  return {.entries = {entries_.data() + begin, offsets_[stack + 1] - begin},
          .cpumode = cpumodes_[stack]};
}

}  // namespace sonde
