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
  /// Times N where one sample in N is kept.
  uint64_t period = 0;
  bool user_mode = false;
  /// Of a leader that is sampled for its group: value, id, and lost where the kernel counts it, of each of its events.
  std::span<const uint64_t> group = {};
  /// Of the hierarchy that CgroupTree reads; 0 where it is not known.
  uint64_t cgroup = 0;
  /// The call chain with its context markers, leaf first.
  std::span<const uint64_t> chain = {};
  /// The user's registers in the order of kUserRegisters; empty where they were not asked for, and for tasks without a
  /// user part: threads of the kernel.
  std::span<const uint64_t> registers = {};
  /// PERF_SAMPLE_REGS_ABI_*
  uint64_t registers_abi = 0;
  /// The user's memory from the stack pointer upwards, as far as it could be copied.
  std::span<const std::byte> stack = {};
  /// The memory goes on behind `stack`, which is as long as was asked for.
  bool stack_cut = false;
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

/// PERF_RECORD_KSYMBOL: the kernel has made code at run time, or taken it back.
struct KernelSymbolRecord {
  uint64_t start = 0;
  uint32_t length = 0;
  /// PERF_RECORD_KSYMBOL_TYPE_*
  uint16_t type = 0;
  bool gone = false;
  std::string_view name = {};
};

/// PERF_RECORD_CGROUP: a cgroup has been made.
struct CgroupRecord {
  uint64_t cgroup = 0;
  std::string_view path = {};
};

/// A kind of record that nothing here needs.
struct OtherRecord {};

/// Bytes that are not what their type says.
struct MalformedRecord {
  /// PERF_RECORD_*, 0 where even the header is cut.
  uint32_t type = 0;
};

using RecordBody =
    std::variant<SampleRecord, CommRecord, MmapRecord, TaskRecord, LostRecord, LostSamplesRecord,
                 ThrottleRecord, KernelSymbolRecord, CgroupRecord, OtherRecord, MalformedRecord>;

struct Record {
  RecordBody body;
  /// From the trailer (sample_id_all). A sample has its own.
  uint64_t time = 0;
  uint64_t id = 0;
  uint32_t cpu = 0;
};

/// What the samples of an event carry besides kSampleType.
struct SampleLayout {
  /// Their period, where they do not state it.
  uint64_t implied_period = 0;
  /// Registers and stack of the user.
  bool captured = false;
  /// PERF_SAMPLE_CGROUP
  bool cgroup = false;
  /// Words that PERF_SAMPLE_READ has for each event of the group; 0: it is not there.
  uint8_t group_words = 0;

  bool operator==(const SampleLayout&) const = default;
};

/// The layouts by event id.
class SampleLayouts {
 public:
  void Set(uint64_t id, SampleLayout layout) {
    alike_ = layouts_.empty() || (alike_ && layout == common_);
    common_ = layout;
    layouts_[id] = layout;
  }
  SampleLayout Of(uint64_t id) const {
    if (alike_) return common_;
    const auto found = layouts_.find(id);
    return found == layouts_.end() ? SampleLayout{} : found->second;
  }

 private:
  std::unordered_map<uint64_t, SampleLayout> layouts_;
  /// Whether all are as `common_`: the usual case, which needs no look-up.
  bool alike_ = false;
  SampleLayout common_ = {};
};

/// Reads one record whose header, with its size, stands at the beginning of `bytes`. `bytes` is aligned to 8. Never
/// reads behind it.
Record ParseRecord(std::span<const std::byte> bytes, const SampleLayouts& layouts = {});

}  // namespace sonde
