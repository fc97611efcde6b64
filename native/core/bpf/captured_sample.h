#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/perf/record.h"

namespace sonde {

/// A sample that a BPF program took.
struct CapturedSample {
  /// Place in SamplerOptions.sessions.
  uint32_t session = 0;
  /// Of the process, nanoseconds since boot: with its number it is of one process and no other.
  uint64_t start_time = 0;
  SampleRecord record = {};
};

/// Reads the records of native/bpf/include/sampler_abi.h.
class CapturedSampleReader {
 public:
  /// Nothing where the bytes are no record. What it points to is in `bytes`, but for the chain: valid until the next call.
  std::optional<CapturedSample> Read(std::span<const std::byte> bytes);

 private:
  std::vector<uint64_t> chain_;
};

}  // namespace sonde
