#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <variant>

namespace sonde {

// PERF_RECORD_* as values. Everything points into the bytes that were parsed.

/// PERF_RECORD_SAMPLE of an event made by SampleAttr.
struct SampleRecord {
  uint64_t id = 0;
  uint64_t ip = 0;
  uint32_t pid = 0;
  uint32_t tid = 0;
  uint64_t time = 0;
  uint32_t cpu = 0;
  uint64_t period = 0;
  bool user_mode = false;
  /// The call chain with its context markers, leaf first.
  std::span<const uint64_t> chain = {};
};

struct CommRecord {
  uint32_t pid = 0;
  uint32_t tid = 0;
  bool exec = false;
  std::string_view comm = {};
};

/// PERF_RECORD_MMAP and MMAP2.
struct MmapRecord {
  uint32_t pid = 0;
  uint32_t tid = 0;
  uint64_t start = 0;
  uint64_t length = 0;
  uint64_t file_offset = 0;
  uint32_t protection = 0;
  uint32_t flags = 0;
  /// Either these two, or the build id.
  uint64_t device = 0;  ///< major << 32 | minor
  uint64_t inode = 0;
  std::span<const std::byte> build_id = {};
  std::string_view path = {};
};

/// PERF_RECORD_FORK and EXIT.
struct TaskRecord {
  bool exit = false;
  uint32_t pid = 0;
  uint32_t parent_pid = 0;
  uint32_t tid = 0;
  uint32_t parent_tid = 0;
};

/// PERF_RECORD_LOST: records, of any kind and any event of the ring.
struct LostRecord {
  uint64_t id = 0;
  uint64_t count = 0;
};

/// PERF_RECORD_LOST_SAMPLES: the hardware's own buffer was full.
struct LostSamplesRecord {
  uint64_t count = 0;
};

struct ThrottleRecord {
  uint64_t id = 0;
  bool throttled = false;
};

/// A kind of record that nothing here needs.
struct OtherRecord {};

/// Bytes that are not what their type says.
struct MalformedRecord {
  /// PERF_RECORD_*, 0 where even the header is cut.
  uint32_t type = 0;
};

using RecordBody = std::variant<SampleRecord, CommRecord, MmapRecord, TaskRecord, LostRecord,
                                LostSamplesRecord, ThrottleRecord, OtherRecord, MalformedRecord>;

struct Record {
  RecordBody body;
  /// From the trailer (sample_id_all). A sample has its own.
  uint64_t time = 0;
  uint64_t id = 0;
  uint32_t cpu = 0;
};

/// By event id, the periods of the events whose samples do not state one.
using ImpliedPeriods = std::unordered_map<uint64_t, uint64_t>;

/// Reads one record whose header, with its size, stands at the beginning of `bytes`. `bytes` is aligned to 8. Never
/// reads behind it.
Record ParseRecord(std::span<const std::byte> bytes, const ImpliedPeriods& implied = {});

}  // namespace sonde
