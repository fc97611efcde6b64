#pragma once

#include <linux/perf_event.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace sonde::test {

/// Builds perf records as the kernel lays them out.
class RecordBytes {
 public:
  explicit RecordBytes(uint32_t type, uint16_t misc = 0) : type_(type), misc_(misc) {}

  template <typename Value>
  RecordBytes& Put(Value value) {
    const auto* from = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), from, from + sizeof(value));
    return *this;
  }
  RecordBytes& U32(uint32_t value) { return Put(value); }
  RecordBytes& U64(uint64_t value) { return Put(value); }
  /// NUL-terminated, padded to 8.
  RecordBytes& Text(const std::string& text) {
    for (const char letter : text) Put(letter);
    do {
      Put(char{0});
    } while (bytes_.size() % 8 != 0);
    return *this;
  }
  /// The trailer of records that are no samples.
  RecordBytes& Trailer(uint32_t pid, uint64_t time, uint32_t cpu, uint64_t id) {
    return U32(pid).U32(pid).U64(time).U32(cpu).U32(0).U64(id);
  }
  /// The whole record, aligned to 8.
  std::span<const std::byte> Build() {
    record_.assign((8 + bytes_.size() + 7) / 8, 0);
    perf_event_header header = {type_, misc_, static_cast<uint16_t>(8 + bytes_.size())};
    std::memcpy(record_.data(), &header, sizeof(header));
    std::memcpy(record_.data() + 1, bytes_.data(), bytes_.size());
    return {reinterpret_cast<const std::byte*>(record_.data()), 8 + bytes_.size()};
  }

 private:
  uint32_t type_;
  uint16_t misc_;
  std::vector<std::byte> bytes_;
  std::vector<uint64_t> record_;
};

struct SampleFields {
  uint64_t id = 1;
  uint64_t ip = 0;
  uint32_t pid = 100;
  uint32_t tid = 100;
  uint64_t time = 1000;
  uint32_t cpu = 0;
  uint64_t period = 1;
  std::vector<uint64_t> chain = {};
};

inline RecordBytes SampleBytes(const SampleFields& fields) {
  RecordBytes record(PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER);
  record.U64(fields.id).U64(fields.ip).U32(fields.pid).U32(fields.tid).U64(fields.time);
  record.U32(fields.cpu).U32(0).U64(fields.period).U64(fields.chain.size());
  for (const uint64_t address : fields.chain) record.U64(address);
  return record;
}

/// Where and when a record that is no sample was written.
struct Origin {
  uint32_t pid = 100;
  uint32_t tid = 100;
  uint64_t time = 1000;
  uint32_t cpu = 0;
  uint64_t id = 1;
};

inline RecordBytes CommBytes(const std::string& name, const Origin& at = {}, uint16_t misc = 0) {
  RecordBytes record(PERF_RECORD_COMM, misc);
  return record.U32(at.pid).U32(at.tid).Text(name).Trailer(at.pid, at.time, at.cpu, at.id);
}

struct MmapFields {
  uint64_t start = 0x400000;
  uint64_t length = 0x1000;
  uint64_t file_offset = 0;
  std::string path = "/usr/bin/app";
  /// In place of device and inode.
  std::vector<uint8_t> build_id = {};
};

inline constexpr uint16_t kMiscMmapBuildId = 1 << 14;

inline RecordBytes Mmap2Bytes(const MmapFields& fields, const Origin& at = {}) {
  RecordBytes record(PERF_RECORD_MMAP2, fields.build_id.empty() ? 0 : kMiscMmapBuildId);
  record.U32(at.pid).U32(at.tid).U64(fields.start).U64(fields.length).U64(fields.file_offset);
  if (fields.build_id.empty()) {
    record.U32(8).U32(1).U64(4711).U64(0);
  } else {
    record.Put(static_cast<uint8_t>(fields.build_id.size())).Put(uint8_t{0}).Put(uint16_t{0});
    for (size_t index = 0; index < 20; index++) {
      record.Put(index < fields.build_id.size() ? fields.build_id[index] : uint8_t{0});
    }
  }
  record.U32(5).U32(2).Text(fields.path);
  return record.Trailer(at.pid, at.time, at.cpu, at.id);
}

/// PERF_RECORD_FORK or EXIT of `at`.
inline RecordBytes TaskBytes(uint32_t type, uint32_t parent_pid, uint32_t parent_tid,
                             const Origin& at = {}) {
  RecordBytes record(type);
  record.U32(at.pid).U32(parent_pid).U32(at.tid).U32(parent_tid).U64(at.time);
  return record.Trailer(at.pid, at.time, at.cpu, at.id);
}

inline RecordBytes LostBytes(uint64_t id, uint64_t count, const Origin& at = {}) {
  return RecordBytes(PERF_RECORD_LOST).U64(id).U64(count).Trailer(at.pid, at.time, at.cpu, at.id);
}

inline RecordBytes LostSamplesBytes(uint64_t count, const Origin& at = {}) {
  return RecordBytes(PERF_RECORD_LOST_SAMPLES).U64(count).Trailer(at.pid, at.time, at.cpu, at.id);
}

/// PERF_RECORD_THROTTLE or UNTHROTTLE of the event `id`.
inline RecordBytes ThrottleBytes(uint32_t type, uint64_t id, const Origin& at = {}) {
  RecordBytes record(type);
  return record.U64(at.time).U64(id).U64(id).Trailer(at.pid, at.time, at.cpu, at.id);
}

struct KernelSymbol {
  uint64_t start = 0;
  uint32_t length = 0;
  uint16_t type = 0;
  bool gone = false;
  std::string name = {};
};

/// PERF_RECORD_KSYMBOL.
inline RecordBytes KernelSymbolBytes(const KernelSymbol& symbol, const Origin& at = {}) {
  RecordBytes record(PERF_RECORD_KSYMBOL);
  const uint32_t flags = symbol.gone ? PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER : 0;
  record.U64(symbol.start).U32(symbol.length).U32(symbol.type | flags << 16);
  return record.Text(symbol.name).Trailer(at.pid, at.time, at.cpu, at.id);
}

inline constexpr uint64_t kUserMarker = static_cast<uint64_t>(-512);
inline constexpr uint64_t kKernelMarker = static_cast<uint64_t>(-128);

}  // namespace sonde::test
