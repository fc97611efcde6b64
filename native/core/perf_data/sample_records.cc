#include "core/perf_data/sample_records.h"

#include <linux/perf_event.h>

#include <algorithm>
#include <cstring>

#include "core/perf/window_sections.h"
#include "core/perf_data/call_chains.h"

namespace sonde {
namespace {

/// As it stands in the file; the entries of the call chain follow, and the cgroup.
struct FixedPart {
  perf_event_header header;
  uint64_t id;
  uint64_t ip;
  uint32_t pid, tid;
  uint64_t time;
  uint32_t cpu, reserved;
  uint64_t period;
  uint64_t chain_entries;
};
static_assert(sizeof(FixedPart) == kSampleFixedBytes);

/// PERF_SAMPLE_RAW: its size, then common_type, common_flags, common_preempt_count and common_pid of tracefs.
struct RawPart {
  uint32_t size;
  uint16_t type;
  uint8_t flags, preempt_count;
  uint32_t pid;
  uint32_t padding;
};
static_assert(sizeof(RawPart) == kRawBytes);

struct SessionColumns {
  SessionColumns(const WindowSections& window, const SampleSession& session)
      : event_id(session.event_id),
        tells_cgroups(session.tells_cgroups),
        tracepoint(session.tracepoint),
        time(window.Read<uint64_t>(layout::kSampleTime, session.session)),
        pid(window.Read<uint32_t>(layout::kSamplePid, session.session)),
        tid(window.Read<uint32_t>(layout::kSampleTid, session.session)),
        cpu(window.Read<uint32_t>(layout::kSampleCpu, session.session)),
        stack(window.Read<uint32_t>(layout::kSampleStack, session.session)),
        value(window.Read<uint64_t>(layout::kSampleValue, session.session)),
        cgroup(window.Read<uint64_t>(layout::kSampleCgroup, session.session)) {}

  size_t Count() const {
    return std::min({time.size(), pid.size(), tid.size(), cpu.size(), stack.size(), value.size()});
  }

  /// Bytes of a sample without its chain.
  size_t FixedBytes() const {
    return kSampleFixedBytes + (tracepoint ? kRawBytes : 0) + (tells_cgroups ? kCgroupBytes : 0);
  }
  /// 0 where it is not known.
  uint64_t CgroupAt(size_t row) const { return row < cgroup.size() ? cgroup[row] : 0; }

  FixedPart At(size_t row, const CallChains::Chain& chain) const {
    const size_t size = FixedBytes() + chain.entries.size_bytes();
    return {.header = {.type = PERF_RECORD_SAMPLE,
                       .misc = chain.cpumode,
                       .size = static_cast<uint16_t>(size)},
            .id = event_id,
            .ip = chain.Leaf(),
            .pid = pid[row],
            .tid = tid[row],
            .time = time[row],
            .cpu = cpu[row],
            .reserved = 0,
            .period = value[row],
            .chain_entries = chain.entries.size()};
  }

  uint64_t event_id;
  bool tells_cgroups;
  std::optional<uint16_t> tracepoint;
  std::span<const uint64_t> time;
  std::span<const uint32_t> pid, tid, cpu, stack;
  std::span<const uint64_t> value;
  /// Empty where no sample of the window tells it.
  std::span<const uint64_t> cgroup;
};

size_t BytesOf(const SessionColumns& session, const CallChains& chains) {
  size_t bytes = session.Count() * session.FixedBytes();
  for (size_t row = 0; row < session.Count(); row++) {
    bytes += chains.Of(session.stack[row]).entries.size_bytes();
  }
  return bytes;
}

std::byte* Write(const SessionColumns& session, const CallChains& chains, std::byte* to) {
  for (size_t row = 0; row < session.Count(); row++) {
    const CallChains::Chain chain = chains.Of(session.stack[row]);
    const FixedPart fixed = session.At(row, chain);
    std::memcpy(to, &fixed, sizeof(fixed));
    to += sizeof(fixed);
    if (!chain.entries.empty()) std::memcpy(to, chain.entries.data(), chain.entries.size_bytes());
    to += chain.entries.size_bytes();
    if (session.tracepoint) {
      const RawPart raw = {.size = kRawBytes - sizeof(RawPart::size),
                           .type = *session.tracepoint,
                           .flags = 0,
                           .preempt_count = 0,
                           .pid = session.tid[row],
                           .padding = 0};
      std::memcpy(to, &raw, sizeof(raw));
      to += sizeof(raw);
    }
    if (!session.tells_cgroups) continue;
    const uint64_t cgroup = session.CgroupAt(row);
    std::memcpy(to, &cgroup, sizeof(cgroup));
    to += sizeof(cgroup);
  }
  return to;
}

}  // namespace

Result<std::vector<std::byte>> SampleRecords(std::span<const std::byte> window,
                                             std::span<const SampleSession> sessions) {
  const Result<WindowSections> sections = WindowSections::Open(window);
  if (!sections) return sections.error();
  const CallChains chains(*sections);
  std::vector<SessionColumns> columns;
  size_t bytes = 0;
  for (const SampleSession& session : sessions) {
    columns.emplace_back(*sections, session);
    bytes += BytesOf(columns.back(), chains);
  }
  std::vector<std::byte> records(bytes);
  std::byte* to = records.data();
  for (const SessionColumns& session : columns) to = Write(session, chains, to);
  return records;
}

}  // namespace sonde
