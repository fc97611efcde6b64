#include "core/perf/record.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/perf/event_attr.h"

namespace sonde {
namespace {

constexpr uint16_t kMiscBuildId = 1 << 14;  // PERF_RECORD_MISC_MMAP_BUILD_ID, Linux 5.12
/// pid, tid, time, cpu, reserved, identifier.
constexpr size_t kTrailerBytes = 32;
constexpr size_t kMaxBuildId = 20;

template <typename Value>
Value Load(const std::byte* from) {
  Value value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

/// PERF_RECORD_SAMPLE after its header begins with these; then the period, where it is stated, nr, nr addresses, and what
/// was captured.
struct SampleHead {
  uint64_t id;
  uint64_t ip;
  uint32_t pid;
  uint32_t tid;
  uint64_t time;
  uint32_t cpu;
  uint32_t reserved;
};

/// The NUL-terminated text that fills the rest of a record; nothing where the NUL is missing.
std::optional<std::string_view> TextOf(std::span<const std::byte> bytes) {
  const char* text = reinterpret_cast<const char*>(bytes.data());
  const size_t length = strnlen(text, bytes.size());
  if (length == bytes.size()) return std::nullopt;
  return std::string_view(text, length);
}

/// Takes values from the front of a sample. What is asked for and not there makes it malformed.
class SampleFields {
 public:
  explicit SampleFields(std::span<const std::byte> rest) : rest_(rest) {}

  bool well_formed() const { return well_formed_; }
  uint64_t Word() {
    const auto bytes = Bytes(sizeof(uint64_t));
    return bytes.empty() ? 0 : Load<uint64_t>(bytes.data());
  }
  std::span<const uint64_t> Words(uint64_t count) {
    if (count > rest_.size() / sizeof(uint64_t)) return Missing<uint64_t>();
    const auto bytes = Bytes(count * sizeof(uint64_t));
    return {reinterpret_cast<const uint64_t*>(bytes.data()), count};
  }
  std::span<const std::byte> Bytes(uint64_t count) {
    if (count > rest_.size()) return Missing<std::byte>();
    const auto bytes = rest_.first(count);
    rest_ = rest_.subspan(count);
    return bytes;
  }

 private:
  template <typename Value>
  std::span<const Value> Missing() {
    well_formed_ = false;
    return {};
  }

  std::span<const std::byte> rest_;
  bool well_formed_ = true;
};

/// PERF_SAMPLE_REGS_USER: abi, registers unless that is 0. PERF_SAMPLE_STACK_USER: size, as many bytes, and unless the
/// size is 0 how many of them were copied.
void ParseCaptured(SampleRecord& sample, SampleFields& fields) {
  sample.registers_abi = fields.Word();
  if (sample.registers_abi != PERF_SAMPLE_REGS_ABI_NONE) {
    sample.registers = fields.Words(kUserRegisterCount);
  }
  const uint64_t size = fields.Word();
  if (size == 0) return;
  const auto stack = fields.Bytes(size);
  const uint64_t copied = fields.Word();
  if (!fields.well_formed()) return;
  sample.stack = stack.first(std::min<uint64_t>(copied, size));
  sample.stack_cut = copied >= size;
}

/// PERF_SAMPLE_READ with PERF_FORMAT_GROUP: nr, time enabled, time running, nr times the words of an event.
void ParseGroup(SampleRecord& sample, SampleFields& fields, uint8_t words) {
  const uint64_t events = fields.Word();
  fields.Words(2);
  // More are not in any record.
  sample.group = fields.Words(std::min<uint64_t>(events, UINT16_MAX) * words);
}

RecordBody ParseSample(const perf_event_header& header, std::span<const std::byte> body,
                       const SampleLayouts& layouts) {
  if (body.size() < sizeof(SampleHead)) return MalformedRecord{header.type};
  const auto head = Load<SampleHead>(body.data());
  const SampleLayout layout = layouts.Of(head.id);
  SampleFields fields(body.subspan(sizeof(SampleHead)));
  SampleRecord sample{
      .id = head.id,
      .ip = head.ip,
      .pid = head.pid,
      .tid = head.tid,
      .time = head.time,
      .cpu = head.cpu,
      .period = layout.implied_period != 0 ? layout.implied_period : fields.Word(),
      .user_mode = (header.misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_USER,
  };
  if (layout.group_words != 0) ParseGroup(sample, fields, layout.group_words);
  sample.chain = fields.Words(fields.Word());
  if (layout.captured) ParseCaptured(sample, fields);
  if (layout.cgroup) sample.cgroup = fields.Word();
  if (!fields.well_formed()) return MalformedRecord{header.type};
  return sample;
}

RecordBody ParseComm(const perf_event_header& header, std::span<const std::byte> body) {
  if (body.size() < 8) return MalformedRecord{header.type};
  const auto comm = TextOf(body.subspan(8));
  if (!comm) return MalformedRecord{header.type};
  return CommRecord{.pid = Load<uint32_t>(body.data()),
                    .tid = Load<uint32_t>(body.data() + 4),
                    .exec = (header.misc & PERF_RECORD_MISC_COMM_EXEC) != 0,
                    .comm = *comm};
}

/// The 24 bytes of MMAP2 that say which file: device and inode, or its build id.
bool ParseIdentity(MmapRecord& record, uint16_t misc, const std::byte* identity) {
  if ((misc & kMiscBuildId) == 0) {
    record.device = uint64_t{Load<uint32_t>(identity)} << 32 | Load<uint32_t>(identity + 4);
    record.inode = Load<uint64_t>(identity + 8);
    return true;
  }
  const auto size = Load<uint8_t>(identity);
  if (size > kMaxBuildId) return false;
  record.build_id = {identity + 4, size};
  return true;
}

RecordBody ParseMmap(const perf_event_header& header, std::span<const std::byte> body) {
  const bool second = header.type == PERF_RECORD_MMAP2;
  const size_t fixed = second ? 64 : 32;
  if (body.size() < fixed) return MalformedRecord{header.type};
  MmapRecord record{.pid = Load<uint32_t>(body.data()),
                    .tid = Load<uint32_t>(body.data() + 4),
                    .start = Load<uint64_t>(body.data() + 8),
                    .length = Load<uint64_t>(body.data() + 16),
                    .file_offset = Load<uint64_t>(body.data() + 24)};
  if (second) {
    if (!ParseIdentity(record, header.misc, body.data() + 32)) return MalformedRecord{header.type};
    record.protection = Load<uint32_t>(body.data() + 56);
    record.flags = Load<uint32_t>(body.data() + 60);
  }
  const auto path = TextOf(body.subspan(fixed));
  if (!path || record.start + record.length < record.start) return MalformedRecord{header.type};
  record.path = *path;
  return record;
}

RecordBody ParseTask(const perf_event_header& header, std::span<const std::byte> body) {
  if (body.size() < 24) return MalformedRecord{header.type};
  return TaskRecord{.exit = header.type == PERF_RECORD_EXIT,
                    .pid = Load<uint32_t>(body.data()),
                    .parent_pid = Load<uint32_t>(body.data() + 4),
                    .tid = Load<uint32_t>(body.data() + 8),
                    .parent_tid = Load<uint32_t>(body.data() + 12)};
}

RecordBody ParseLost(const perf_event_header& header, std::span<const std::byte> body) {
  const bool samples = header.type == PERF_RECORD_LOST_SAMPLES;
  if (body.size() < (samples ? 8 : 16)) return MalformedRecord{header.type};
  const auto first = Load<uint64_t>(body.data());
  if (samples) return LostSamplesRecord{first};
  return LostRecord{.id = first, .count = Load<uint64_t>(body.data() + 8)};
}

RecordBody ParseThrottle(const perf_event_header& header, std::span<const std::byte> body) {
  // time, id, stream id
  if (body.size() < 24) return MalformedRecord{header.type};
  return ThrottleRecord{.id = Load<uint64_t>(body.data() + 8),
                        .throttled = header.type == PERF_RECORD_THROTTLE};
}

RecordBody ParseKernelSymbol(const perf_event_header& header, std::span<const std::byte> body) {
  if (body.size() < 16) return MalformedRecord{header.type};
  const auto name = TextOf(body.subspan(16));
  if (!name) return MalformedRecord{header.type};
  const auto flags = Load<uint16_t>(body.data() + 14);
  return KernelSymbolRecord{.start = Load<uint64_t>(body.data()),
                            .length = Load<uint32_t>(body.data() + 8),
                            .type = Load<uint16_t>(body.data() + 12),
                            .gone = (flags & PERF_RECORD_KSYMBOL_FLAGS_UNREGISTER) != 0,
                            .name = *name};
}

RecordBody ParseCgroup(const perf_event_header& header, std::span<const std::byte> body) {
  if (body.size() < 8) return MalformedRecord{header.type};
  const auto path = TextOf(body.subspan(8));
  if (!path) return MalformedRecord{header.type};
  return CgroupRecord{.cgroup = Load<uint64_t>(body.data()), .path = *path};
}

RecordBody ParseBody(const perf_event_header& header, std::span<const std::byte> body) {
  switch (header.type) {
    case PERF_RECORD_COMM:
      return ParseComm(header, body);
    case PERF_RECORD_MMAP:
    case PERF_RECORD_MMAP2:
      return ParseMmap(header, body);
    case PERF_RECORD_FORK:
    case PERF_RECORD_EXIT:
      return ParseTask(header, body);
    case PERF_RECORD_LOST:
    case PERF_RECORD_LOST_SAMPLES:
      return ParseLost(header, body);
    case PERF_RECORD_THROTTLE:
    case PERF_RECORD_UNTHROTTLE:
      return ParseThrottle(header, body);
    case PERF_RECORD_KSYMBOL:
      return ParseKernelSymbol(header, body);
    case PERF_RECORD_CGROUP:
      return ParseCgroup(header, body);
    default:
      return OtherRecord{};
  }
}

}  // namespace

Record ParseRecord(std::span<const std::byte> bytes, const SampleLayouts& layouts) {
  if (bytes.size() < sizeof(perf_event_header)) return {.body = MalformedRecord{}};
  const auto header = Load<perf_event_header>(bytes.data());
  if (header.size < sizeof(header) || header.size > bytes.size()) {
    return {.body = MalformedRecord{header.type}};
  }
  const auto body = bytes.subspan(sizeof(header), header.size - sizeof(header));
  if (header.type == PERF_RECORD_SAMPLE) return {.body = ParseSample(header, body, layouts)};
  if (body.size() < kTrailerBytes) return {.body = MalformedRecord{header.type}};
  const std::byte* trailer = body.data() + body.size() - kTrailerBytes;
  return {.body = ParseBody(header, body.first(body.size() - kTrailerBytes)),
          .time = Load<uint64_t>(trailer + 8),
          .id = Load<uint64_t>(trailer + 24),
          .cpu = Load<uint32_t>(trailer + 16)};
}

}  // namespace sonde
