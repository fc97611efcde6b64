#include "core/unwind/unwind_tables.h"

#include <algorithm>
#include <span>

#include "core/base/hash.h"
#include "core/base/hash_seed.h"
#include "core/symbols/elf_sections.h"
#include "core/unwind/eh_frame_file.h"
#include "core/unwind/frame_pointers.h"
#include "core/unwind/signal_frame.h"

namespace sonde {
namespace {

/// Functions are shorter on average. A file with fewer rows than this has them for its stubs alone, as musl's libc.
constexpr uint64_t kMaxBytesPerFunction = 4096;
/// `_start` is a dozen instructions. The file names its first one only.
constexpr uint64_t kStartBytes = 64;
/// From the system call in clone to where the new thread's rows begin: a test and two jumps.
constexpr uint64_t kMaxCloneBytes = 32;
/// Between the functions of a file that has rows: stubs of a static program's PLT, the start-up files' own functions, a
/// system call after which there are two threads. The code of V8's builtins is a megabyte.
constexpr uint64_t kMaxStubBytes = 1024;
/// A stretch without rows that is so long is a runtime's, and of one kind.
constexpr uint64_t kRuntimeBytes = 64 << 10;
/// One function of assembly.
constexpr uint64_t kFunctionBytes = 256;
/// Less is what aligns functions.
constexpr uint64_t kLeastGap = 16;
constexpr size_t kMaxGaps = 4096;
/// Files with more functions than this are looked through in part.
constexpr uint64_t kMaxGapSteps = 1 << 20;
/// mov $15, %rax; syscall, or the two instructions of aarch64: and what follows, while the kernel is at it.
constexpr uint64_t kSignalReturnBytes = 10;

uint64_t SeedOfThisProcess() {
  static const uint64_t seed = NewHashSeed();
  return seed;
}

uint64_t FingerprintOf(const ElfHeaders& headers, const EhFrameSections& frames,
                       const SectionBytes& debug) {
  uint64_t hash = SeedOfThisProcess() ^ headers.entry;
  for (const LoadSegment& segment : headers.loads) {
    hash = HashBytes(std::as_bytes(std::span(&segment.svma, 1)), hash);
    hash = HashBytes(std::as_bytes(std::span(&segment.file_offset, 1)), hash);
  }
  for (const SectionBytes* section : {&frames.header, &frames.frames, &debug}) {
    hash = HashBytes(section->bytes, hash ^ section->svma);
  }
  return hash;
}

}  // namespace

Result<UnwindTables> UnwindTables::Read(const TargetFile& file, const Architecture& architecture) {
  auto headers = ElfHeaders::Read(file);
  if (!headers) return headers.error();
  const auto sections = ReadElfSections(file, *headers);
  if (!sections) return sections.error();
  UnwindTables tables(architecture);
  tables.headers_ = std::move(*headers);
  if (!tables.headers_.is_64_bit) return tables;
  if (tables.headers_.machine != architecture.machine) {
    return Error{ENOEXEC, "ELF: made for another machine"};
  }

  auto frames = ReadEhFrame(file, tables.headers_, *sections);
  if (!frames) return frames.error();
  auto debug = ReadDebugFrame(file, *sections);
  if (!debug) return debug.error();
  tables.fingerprint_ = FingerprintOf(tables.headers_, *frames, *debug);
  if (!frames->frames.bytes.empty()) {
    tables.Add(MakeEhFrame(std::move(*frames), architecture));
  }
  if (!debug->bytes.empty()) tables.Add(MakeDebugFrame(std::move(*debug), architecture));
  auto go = GoTable::Read(file, *sections);
  if (go) tables.go_ = std::move(*go);
  tables.signal_return_ = tables.is_go() ? tables.go_->signal_return()
                                         : FindSignalReturn(file, tables.headers_, architecture);
  tables.has_rows_ = tables.Functions() * kMaxBytesPerFunction >= tables.CodeBytes();
  if (tables.has_rows_) {
    tables.JudgeGaps(file);
  } else if (SetsUpFramePointers(file, tables.headers_, architecture)) {
    tables.without_rows_ = FramePointers::kLikely;
  }
  return tables;
}

UnwindTables::FramePointers UnwindTables::FramePointersAt(uint64_t svma) const {
  if (is_go()) return FramePointers::kKept;
  if (!has_rows_) return without_rows_;
  const auto gap =
      std::ranges::find_if(kept_, [svma](const Gap& one) { return one.range.Contains(svma); });
  return gap == kept_.end() ? FramePointers::kLost : gap->frame_pointers;
}

UnwindTables::FramePointers UnwindTables::Judge(const TargetFile& file,
                                                const CodeRange& code) const {
  // A single function, and a runtime, is of one kind.
  if (code.size <= kFunctionBytes && BeginsWithFramePointer(file, code, *architecture_)) {
    return FramePointers::kKept;
  }
  if (!SetsUpFramePointers(file, code, *architecture_)) return FramePointers::kLost;
  return code.size >= kRuntimeBytes ? FramePointers::kKept : FramePointers::kLikely;
}

/// Code between the rows of a file that has them is of runtimes and assemblers. V8's builtins keep frame pointers; objects
/// that were built without rows may, or may not.
void UnwindTables::JudgeGaps(const TargetFile& file) {
  for (const LoadSegment& segment : headers_.loads) {
    if (!segment.executable) continue;
    const uint64_t end = segment.svma + std::min(segment.file_size, file.size());
    uint64_t svma = segment.svma;
    for (uint64_t step = 0; step < kMaxGapSteps && svma < end; step++) {
      // Where a function covers it, the gap is the one behind that function.
      const SvmaRange gap = GapAt(svma);
      const SvmaRange own{.start = std::max(gap.start, svma), .end = std::min(gap.end, end)};
      if (own.end > own.start && own.end - own.start >= kLeastGap && kept_.size() < kMaxGaps) {
        const uint64_t offset = segment.file_offset + (own.start - segment.svma);
        const auto judged = Judge(file, {.offset = offset, .size = own.end - own.start});
        if (judged != FramePointers::kLost) kept_.push_back({own, judged});
      }
      svma = std::max({own.start, own.end, svma + 1});
    }
  }
}

SvmaRange UnwindTables::GapAt(uint64_t svma) const {
  SvmaRange gap{.start = 0, .end = UINT64_MAX};
  for (const auto& source : sources_) {
    const SvmaRange own = source->GapAt(svma);
    gap = {.start = std::max(gap.start, own.start), .end = std::min(gap.end, own.end)};
  }
  return gap;
}

void UnwindTables::Add(Result<std::unique_ptr<RowSource>> source) {
  if (source) {
    sources_.push_back(std::move(*source));
  } else {
    damage_ = source.error();
  }
}

size_t UnwindTables::Functions() const {
  size_t functions = 0;
  for (const auto& source : sources_) functions += source->functions();
  return functions;
}

Result<RowAndRules> UnwindTables::Find(uint64_t svma) const {
  if (IsSignalReturn(svma)) {
    return Compact(SignalReturnRow(*architecture_), svma, *architecture_);
  }
  RowAndRules found;
  if (go_ && go_->Covers(svma)) {
    const auto bytes = go_->StackBytes(svma);
    if (bytes && !architecture_->has_link_register) {
      found.row.cfa_offset = static_cast<int32_t>(*bytes) + 8;
    }
  } else {
    auto row = RowOf(svma);
    if (row) {
      found = Compact(std::move(*row), svma, *architecture_);
    } else if (row.error().code != ENOENT) {
      return row.error();
    } else {
      found.row = BetweenFunctions(svma);
    }
  }
  found.row.entry = found.row.entry || IsEntry(svma);
  return found;
}

/// The first source that covers it is believed.
Result<CfiRow> UnwindTables::RowOf(uint64_t svma) const {
  // The call that ends a signal's handler is the last instruction of its function: while the kernel is at it, the next one
  // is behind the function.
  for (const uint64_t behind : {0, 1}) {
    for (const auto& source : sources_) {
      auto row = source->Find(svma - behind);
      if (row && behind == 1 && !row->signal_frame) continue;
      if (row || (behind == 0 && row.error().code != ENOENT)) return row;
    }
  }
  return damage_.value_or(Error{ENOENT, "no row"});
}

/// What no row covers though its neighbours have some, is a few instructions of assembly that leave the stack as it is.
UnwindRow UnwindTables::BetweenFunctions(uint64_t svma) const {
  if (architecture_->has_link_register || sources_.empty()) return {};
  const SvmaRange segment = SegmentOf(svma);
  SvmaRange gap = GapAt(svma);
  gap = {.start = std::max(gap.start, segment.start), .end = std::min(gap.end, segment.end)};
  if (!gap.Contains(svma) || gap.end - gap.start > kMaxStubBytes) return {};
  // In clone, glibc ends the rows before the system call: in the new thread they begin with one that nothing called.
  return {.cfa_offset = 8, .entry = gap.end - svma <= kMaxCloneBytes && IsOutermost(gap.end)};
}

SvmaRange UnwindTables::SegmentOf(uint64_t svma) const {
  for (const LoadSegment& segment : headers_.loads) {
    const SvmaRange range{.start = segment.svma, .end = segment.svma + segment.file_size};
    if (range.Contains(svma)) return range;
  }
  return {};
}

bool UnwindTables::IsOutermost(uint64_t svma) const {
  return std::ranges::any_of(sources_, [&](const auto& source) {
    const auto row = source->Find(svma);
    return row && row->rules[row->return_address].kind == RegisterRule::Kind::kUndefined;
  });
}

/// A frame that returns there is looked up at the byte before.
bool UnwindTables::IsSignalReturn(uint64_t svma) const {
  return signal_return_ && svma + 1 - *signal_return_ <= kSignalReturnBytes;
}

bool UnwindTables::IsEntry(uint64_t svma) const {
  if (headers_.entry != 0 && svma - headers_.entry < kStartBytes) return true;
  return go_ && std::ranges::any_of(go_->entries(),
                                    [&](const SvmaRange& range) { return range.Contains(svma); });
}

uint64_t UnwindTables::CodeBytes() const {
  uint64_t bytes = 0;
  for (const LoadSegment& segment : headers_.loads) {
    if (segment.executable) bytes += segment.file_size;
  }
  return bytes;
}

size_t UnwindTables::bytes() const {
  size_t bytes = sizeof(*this) + (go_ ? go_->bytes() : 0);
  for (const auto& source : sources_) bytes += source->bytes();
  return bytes;
}

}  // namespace sonde
