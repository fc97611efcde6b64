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

inline constexpr uint64_t kUserMarker = static_cast<uint64_t>(-512);
inline constexpr uint64_t kKernelMarker = static_cast<uint64_t>(-128);

}  // namespace sonde::test
