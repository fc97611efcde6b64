#include "core/perf/window_writer.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <unordered_map>

#include "core/base/hexadecimal.h"

namespace sonde {
namespace {

using layout::kShared;

/// The empty string's number.
constexpr uint32_t kNoText = 0;

struct ImageColumns {
  std::vector<uint8_t> kind;
  std::vector<uint32_t> path;
  std::vector<uint32_t> build_id;
  std::vector<uint64_t> device;
  std::vector<uint64_t> inode;
  std::vector<uint8_t> runtime;
  std::vector<uint32_t> go_build_id;
  std::vector<uint32_t> content_hash;

  /// Images are told apart by build id where one is known: the kernel then reports no inode, /proc no build id.
  uint32_t Add(const Image& image, StringTable& strings) {
    const std::string id = Hexadecimal(image.BuildId());
    std::string key = std::to_string(static_cast<int>(image.kind)) + image.path;
    key.push_back('\0');
    key += id.empty() ? std::to_string(image.file.device) + "/" + std::to_string(image.file.inode)
                      : id;
    const auto [entry, added] = numbers.try_emplace(key, static_cast<uint32_t>(kind.size()));
    if (!added) {
      if (inode[entry->second] == 0) {
        device[entry->second] = image.file.device;
        inode[entry->second] = image.file.inode;
      }
      AddIds(image, strings, entry->second);
      return entry->second;
    }
    kind.push_back(static_cast<uint8_t>(image.kind));
    path.push_back(strings.Add(image.path));
    build_id.push_back(strings.Add(id));
    device.push_back(image.file.device);
    inode.push_back(image.file.inode);
    const bool go = image.headers && image.headers->is_go;
    runtime.push_back(static_cast<uint8_t>(go ? ImageRuntime::kGo : ImageRuntime::kUnknown));
    go_build_id.push_back(kNoText);
    content_hash.push_back(kNoText);
    AddIds(image, strings, entry->second);
    return entry->second;
  }

  /// Of images that stand in one row only those that were sampled have been read.
  void AddIds(const Image& image, StringTable& strings, uint32_t row) {
    if (image.headers && go_build_id[row] == kNoText) {
      go_build_id[row] = strings.Add(image.headers->go_build_id);
    }
    if (image.content_hash && content_hash[row] == kNoText) {
      content_hash[row] = strings.Add(Hexadecimal(*image.content_hash));
    }
  }

  void AddTo(SectionBuffer& buffer) const {
    buffer.Add(layout::kImageKind, kShared, kind);
    buffer.Add(layout::kImagePath, kShared, path);
    buffer.Add(layout::kImageBuildId, kShared, build_id);
    buffer.Add(layout::kImageDevice, kShared, device);
    buffer.Add(layout::kImageInode, kShared, inode);
    buffer.Add(layout::kImageRuntime, kShared, runtime);
    buffer.Add(layout::kImageGoBuildId, kShared, go_build_id);
    buffer.Add(layout::kImageContentHash, kShared, content_hash);
  }

  std::unordered_map<std::string, uint32_t> numbers;
};

struct MappingColumns {
  std::vector<uint32_t> pid, image;
  std::vector<uint64_t> start, end, file_offset, bias;
  std::vector<uint8_t> space;
  std::vector<uint32_t> protection, flags;

  void Add(const MappingRow& row, uint32_t image_number) {
    const AddressBias relation = BiasOf(row.range);
    pid.push_back(row.pid);
    image.push_back(image_number);
    start.push_back(row.range.start);
    end.push_back(row.range.end);
    file_offset.push_back(row.range.file_offset);
    bias.push_back(relation.bias);
    space.push_back(static_cast<uint8_t>(relation.space));
    protection.push_back(row.range.protection);
    flags.push_back(row.range.flags);
  }

  void AddTo(SectionBuffer& buffer) const {
    buffer.Add(layout::kMappingPid, kShared, pid);
    buffer.Add(layout::kMappingImage, kShared, image);
    buffer.Add(layout::kMappingStart, kShared, start);
    buffer.Add(layout::kMappingEnd, kShared, end);
    buffer.Add(layout::kMappingFileOffset, kShared, file_offset);
    buffer.Add(layout::kMappingBias, kShared, bias);
    buffer.Add(layout::kMappingSpace, kShared, space);
    buffer.Add(layout::kMappingProtection, kShared, protection);
    buffer.Add(layout::kMappingFlags, kShared, flags);
  }
};

struct FrameColumns {
  std::vector<uint8_t> kind, flags;
  std::vector<uint32_t> mapping, function;
  std::vector<uint64_t> address;

  void Add(const Frame& frame, const MappingColumns& mappings) {
    const bool native = frame.kind == FrameKind::kNative;
    kind.push_back(static_cast<uint8_t>(frame.kind));
    flags.push_back(frame.return_address ? 1 : 0);
    mapping.push_back(frame.mapping);
    function.push_back(frame.function);
    address.push_back(native ? frame.address - mappings.bias[frame.mapping] : frame.address);
  }

  void AddTo(SectionBuffer& buffer) const {
    buffer.Add(layout::kFrameKind, kShared, kind);
    buffer.Add(layout::kFrameFlags, kShared, flags);
    buffer.Add(layout::kFrameMapping, kShared, mapping);
    buffer.Add(layout::kFrameAddress, kShared, address);
  }
};

/// The functions that frames say of themselves, and which frame says which. Most windows have none.
struct FunctionColumns {
  std::vector<uint32_t> rows, inlined_into;

  explicit FunctionColumns(const FunctionTable& functions) {
    for (const FunctionRow& row : functions.rows()) {
      rows.insert(rows.end(), {row.language, row.function, row.file, row.line});
      inlined_into.push_back(row.inlined_into);
    }
  }

  void AddTo(SectionBuffer& buffer, const FrameColumns& frames) const {
    if (rows.empty()) return;
    buffer.Add(layout::kInterpreted, kShared, rows);
    buffer.Add(layout::kFrameFunction, kShared, frames.function);
    buffer.Add(layout::kInlinedInto, kShared, inlined_into);
  }
};

struct EventColumns {
  std::vector<uint8_t> kind, flags;
  std::vector<uint64_t> time;
  std::vector<uint32_t> pid, tid, a, b;

  explicit EventColumns(const std::vector<ProcessEventRow>& rows) {
    for (const ProcessEventRow& row : rows) {
      kind.push_back(static_cast<uint8_t>(row.kind));
      flags.push_back(row.flags);
      time.push_back(row.time);
      pid.push_back(row.pid);
      tid.push_back(row.tid);
      a.push_back(row.a);
      b.push_back(row.b);
    }
  }

  void AddTo(SectionBuffer& buffer) const {
    buffer.Add(layout::kEventKind, kShared, kind);
    buffer.Add(layout::kEventFlags, kShared, flags);
    buffer.Add(layout::kEventTime, kShared, time);
    buffer.Add(layout::kEventPid, kShared, pid);
    buffer.Add(layout::kEventTid, kShared, tid);
    buffer.Add(layout::kEventA, kShared, a);
    buffer.Add(layout::kEventB, kShared, b);
  }
};

struct KernelSymbolColumns {
  std::vector<uint8_t> kind, flags;
  std::vector<uint64_t> time, start;
  std::vector<uint32_t> length, name;

  KernelSymbolColumns(const std::vector<KernelSymbolRow>& rows, StringTable& strings) {
    for (const KernelSymbolRow& row : rows) {
      kind.push_back(static_cast<uint8_t>(row.kind));
      flags.push_back(row.gone ? 1 : 0);
      time.push_back(row.time);
      start.push_back(row.start);
      length.push_back(row.length);
      name.push_back(strings.Add(row.name));
    }
  }

  void AddTo(SectionBuffer& buffer) const {
    buffer.Add(layout::kKernelSymbolKind, kShared, kind);
    buffer.Add(layout::kKernelSymbolFlags, kShared, flags);
    buffer.Add(layout::kKernelSymbolTime, kShared, time);
    buffer.Add(layout::kKernelSymbolStart, kShared, start);
    buffer.Add(layout::kKernelSymbolLength, kShared, length);
    buffer.Add(layout::kKernelSymbolName, kShared, name);
  }
};

struct CgroupColumns {
  std::vector<uint64_t> id;
  std::vector<uint32_t> path;

  CgroupColumns(const CgroupPaths& cgroups, StringTable& strings) {
    for (const auto& [cgroup, text] : cgroups) {
      id.push_back(cgroup);
      path.push_back(strings.Add(text));
    }
  }

  void AddTo(SectionBuffer& buffer) const {
    if (id.empty()) return;
    buffer.Add(layout::kCgroupId, kShared, id);
    buffer.Add(layout::kCgroupPath, kShared, path);
  }
};

struct NoticeColumns {
  std::vector<uint8_t> kind;
  std::vector<uint64_t> time, count;
  std::vector<uint32_t> cpu;

  explicit NoticeColumns(const std::vector<NoticeRow>& rows) {
    for (const NoticeRow& row : rows) {
      kind.push_back(static_cast<uint8_t>(row.kind));
      time.push_back(row.time);
      cpu.push_back(row.cpu);
      count.push_back(row.count);
    }
  }

  void AddTo(SectionBuffer& buffer, uint32_t session) const {
    buffer.Add(layout::kNoticeKind, session, kind);
    buffer.Add(layout::kNoticeTime, session, time);
    buffer.Add(layout::kNoticeCpu, session, cpu);
    buffer.Add(layout::kNoticeCount, session, count);
  }
};

/// The sample columns of a session: written straight into the buffer, because they are most of it.
class SampleSections {
 public:
  SampleSections(SectionBuffer& buffer, const WindowSession& session) : session_(session) {
    const uint64_t count = session.samples.rows.size();
    const auto announce = [&](layout::Section section) {
      return buffer.Announce(section, session.id, count);
    };
    time_ = announce(layout::kSampleTime);
    pid_ = announce(layout::kSamplePid);
    tid_ = announce(layout::kSampleTid);
    cpu_ = announce(layout::kSampleCpu);
    stack_ = announce(layout::kSampleStack);
    value_ = announce(layout::kSampleValue);
    comm_ = announce(layout::kSampleComm);
    const bool tells_cgroups = std::ranges::any_of(
        session.samples.rows, [](const SampleRow& row) { return row.cgroup != 0; });
    if (tells_cgroups) cgroup_ = announce(layout::kSampleCgroup);
  }

  void Fill(SectionBuffer& buffer, const ProcessTable& processes) const {
    const auto time = buffer.Fill<uint64_t>(time_);
    const auto pid = buffer.Fill<uint32_t>(pid_);
    const auto tid = buffer.Fill<uint32_t>(tid_);
    const auto cpu = buffer.Fill<uint32_t>(cpu_);
    const auto stack = buffer.Fill<uint32_t>(stack_);
    const auto value = buffer.Fill<uint64_t>(value_);
    const auto comm = buffer.Fill<uint32_t>(comm_);
    size_t index = 0;
    for (const SampleRow& row : session_.samples.rows) {
      time[index] = row.time;
      pid[index] = row.pid;
      tid[index] = row.tid;
      cpu[index] = row.cpu;
      stack[index] = row.stack;
      value[index] = row.value;
      const uint32_t named = session_.thread_names ? row.tid : row.pid;
      comm[index] = processes.CommAt(row.pid, named, row.time);
      index++;
    }
    if (cgroup_) FillCgroups(buffer.Fill<uint64_t>(*cgroup_));
  }

 private:
  void FillCgroups(std::span<uint64_t> cgroups) const {
    std::ranges::transform(session_.samples.rows, cgroups.begin(), &SampleRow::cgroup);
  }

  const WindowSession& session_;
  size_t time_, pid_, tid_, cpu_, stack_, value_, comm_;
  /// Where any sample tells its cgroup.
  std::optional<size_t> cgroup_;
};

/// The texts one after another.
struct StringColumns {
  std::vector<uint32_t> offsets{0};
  std::vector<char> bytes;

  explicit StringColumns(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      bytes.insert(bytes.end(), text.begin(), text.end());
      offsets.push_back(static_cast<uint32_t>(bytes.size()));
    }
  }
};

}  // namespace

std::vector<uint32_t> MappingsIn(const FrameTable& frames) {
  std::unordered_set<uint32_t> mappings;
  for (const Frame& frame : frames.frames()) {
    if (frame.kind == FrameKind::kNative) mappings.insert(frame.mapping);
  }
  return {mappings.begin(), mappings.end()};
}

std::vector<std::byte> WindowWriter::Write(const ProcessTable& processes) {
  ImageColumns images;
  MappingColumns mappings;
  for (const MappingRow& row : tables_.mappings.rows()) {
    mappings.Add(row, images.Add(*row.range.image, tables_.strings));
  }
  FrameColumns frames;
  for (const Frame& frame : tables_.frames.frames()) frames.Add(frame, mappings);
  const FunctionColumns functions(tables_.functions);
  const EventColumns events(tables_.events);
  const KernelSymbolColumns kernel_symbols(tables_.kernel_symbols, tables_.strings);
  const CgroupColumns cgroups(tables_.cgroups, tables_.strings);
  const StringColumns strings(tables_.strings.texts());
  const WindowTimes& times = tables_.times;
  const std::vector<uint64_t> window{times.start,
                                     times.end,
                                     static_cast<uint64_t>(times.unix_offset),
                                     times.sequence,
                                     tables_.snapshot_length,
                                     uint64_t{tables_.knows_kernel_symbols}};
  SectionBuffer buffer;
  buffer.Add(layout::kWindow, kShared, window);
  buffer.Add(layout::kStringOffsets, kShared, strings.offsets);
  buffer.Add(layout::kStringBytes, kShared, strings.bytes);
  buffer.Add(layout::kStackOffsets, kShared, tables_.stacks.offsets());
  buffer.Add(layout::kStackFrames, kShared, tables_.stacks.frames());
  buffer.Add(layout::kStackState, kShared, tables_.stacks.states());
  frames.AddTo(buffer);
  functions.AddTo(buffer, frames);
  images.AddTo(buffer);
  mappings.AddTo(buffer);
  events.AddTo(buffer);
  kernel_symbols.AddTo(buffer);
  cgroups.AddTo(buffer);

  std::vector<SampleSections> samples;
  std::vector<NoticeColumns> notices;
  std::vector<std::vector<uint64_t>> losses;
  std::vector<std::vector<uint64_t>> left_out;
  samples.reserve(sessions_.size());
  notices.reserve(sessions_.size());
  losses.reserve(sessions_.size());
  left_out.reserve(sessions_.size());
  for (const WindowSession& session : sessions_) {
    samples.emplace_back(buffer, session);
    losses.emplace_back(session.losses.begin(), session.losses.end());
    buffer.Add(layout::kLosses, session.id, losses.back());
    left_out.emplace_back(session.left_out.begin(), session.left_out.end());
    buffer.Add(layout::kLeftOut, session.id, left_out.back());
    notices.emplace_back(session.notices).AddTo(buffer, session.id);
  }
  buffer.Make();
  for (const SampleSections& section : samples) section.Fill(buffer, processes);
  return buffer.Take();
}

}  // namespace sonde
