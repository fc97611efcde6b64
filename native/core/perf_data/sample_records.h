#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/result.h"

namespace sonde {

/// Bytes of a sample without the entries of its call chain.
inline constexpr size_t kSampleFixedBytes = 64;
/// What may stand behind the chain: the cgroup.
inline constexpr size_t kSampleTailBytes = 8;
/// Addresses and markers that fit into one record, whose size is 16 bits.
inline constexpr size_t kMaxChainEntries = (0xffff - kSampleFixedBytes - kSampleTailBytes) / 8;

/// A session of a window, and the id by which the file's records name its event.
struct SampleSession {
  uint32_t session = 0;
  uint64_t event_id = 0;
  /// Whether the event's samples tell their cgroup: all samples of a file are made alike.
  bool tells_cgroups = false;
};

/// The PERF_RECORD_SAMPLE records of these sessions, one session after another, in order of time: header, IDENTIFIER, IP,
/// TID, TIME, CPU, PERIOD, CALLCHAIN, CGROUP where it is told (reference 4.2). EINVAL where `window` is no window buffer.
Result<std::vector<std::byte>> SampleRecords(std::span<const std::byte> window,
                                             std::span<const SampleSession> sessions);

}  // namespace sonde
