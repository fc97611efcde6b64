#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/base/result.h"

namespace sonde {

/// Bytes of a sample without the entries of its call chain.
inline constexpr size_t kSampleFixedBytes = 64;
/// What may stand behind the chain: raw data of a tracepoint, and the cgroup.
inline constexpr size_t kRawBytes = 16;
inline constexpr size_t kCgroupBytes = 8;
inline constexpr size_t kSampleTailBytes = kRawBytes + kCgroupBytes;
/// Addresses and markers that fit into one record, whose size is 16 bits.
inline constexpr size_t kMaxChainEntries = (0xffff - kSampleFixedBytes - kSampleTailBytes) / 8;

/// A session of a window, and the id by which the file's records name its event.
struct SampleSession {
  uint32_t session = 0;
  uint64_t event_id = 0;
  /// Whether the event's samples tell their cgroup: all samples of a file are made alike.
  bool tells_cgroups = false;
  /// The tracepoint's id: its samples have the fields that all tracepoints have as raw data, without which perf
  /// script reads none of them.
  std::optional<uint16_t> tracepoint = {};
};

/// The PERF_RECORD_SAMPLE records of these sessions, one session after another, in order of time: header, IDENTIFIER, IP,
/// TID, TIME, CPU, PERIOD, CALLCHAIN, RAW of a tracepoint, CGROUP where it is told (reference 4.2). EINVAL where `window` is no window buffer.
Result<std::vector<std::byte>> SampleRecords(std::span<const std::byte> window,
                                             std::span<const SampleSession> sessions);

}  // namespace sonde
