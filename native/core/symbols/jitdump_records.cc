#include "core/symbols/jitdump_records.h"

namespace sonde {
namespace {

constexpr uint32_t kJitMagic = 0x4a695444;
constexpr uint32_t kJitMagicSwapped = 0x4454694a;
constexpr uint32_t kJitVersion = 1;
constexpr uint64_t kJitHeaderBytes = 40;
constexpr uint64_t kFlagsPlace = 32;
constexpr uint64_t kOtherClockFlag = 1;

constexpr uint64_t kJitRecordBytes = 16;
/// No function has as much code.
constexpr uint32_t kLargestRecord = 64 << 20;
constexpr uint64_t kLoadBytes = 40;
constexpr uint64_t kMoveBytes = 48;
constexpr uint64_t kDebugBytes = 16;
constexpr uint64_t kDebugEntryBytes = 16;

/// A function of more has no lines: they are read for every address in it.
constexpr uint64_t kMaxDebugEntries = 10'000;
constexpr uint32_t kMaxDebugRecord = 1 << 20;
constexpr uint64_t kUsualTextBytes = 256;
/// The system's longest.
constexpr size_t kLongestFileName = 4096;
/// The name of an entry that says: as before.
constexpr char kSameFile[] = "\xff";
/// V8 states addresses that are so much too high (the size of the ELF header that perf puts before the code).
constexpr uint64_t kShiftOfV8 = 64;

}  // namespace

Result<JitHeader> JitReader::ReadHeader(const TargetFile& file) {
  if (file.size() < kJitHeaderBytes) return Error{ENODATA, "has no header yet"};
  JitReader plain(file, false, kJitHeaderBytes);
  const auto magic = plain.Read<uint32_t>(0);
  if (magic != kJitMagic && magic != kJitMagicSwapped) return Error{EINVAL, "is no jitdump"};
  JitReader reader(file, magic == kJitMagicSwapped, kJitHeaderBytes);
  const auto version = reader.Read<uint32_t>(4);
  const auto size = reader.Read<uint32_t>(8);
  const auto pid = reader.Read<uint32_t>(20);
  const auto flags = reader.Read<uint64_t>(kFlagsPlace);
  if (!version || !size || !pid || !flags) return Error{ENODATA, "has no header yet"};
  if (*version != kJitVersion) {
    return Error{EINVAL, "is of version " + std::to_string(*version) + ", which is not known"};
  }
  if (*size < kJitHeaderBytes) return Error{EINVAL, "has a damaged header"};
  return JitHeader{magic == kJitMagicSwapped, *size, *pid, (*flags & kOtherClockFlag) != 0};
}

std::span<const uint8_t> JitReader::From(uint64_t place, size_t least) {
  const bool before = place < block_place_;
  if (before || place - block_place_ > block_.size() ||
      block_.size() - (place - block_place_) < least) {
    if (place >= file_.size()) return {};
    const uint64_t size = std::max(least, block_bytes_);
    block_.resize(static_cast<size_t>(std::min(size, file_.size() - place)));
    const auto read = file_.ReadAt(std::as_writable_bytes(std::span(block_)), place);
    block_.resize(read ? *read : 0);
    block_place_ = place;
    bytes_read_ += block_.size();
    return block_;
  }
  return std::span<const uint8_t>(block_).subspan(static_cast<size_t>(place - block_place_));
}

Result<std::optional<JitRecord>> JitReader::RecordAt(uint64_t place) {
  const auto kind = Read<uint32_t>(place);
  const auto size = Read<uint32_t>(place + 4);
  const auto time = Read<uint64_t>(place + 8);
  if (!kind || !size || !time) return std::optional<JitRecord>();
  if (*size < kJitRecordBytes || *size > kLargestRecord) return Error{EINVAL, "is damaged"};
  if (*size > file_.size() - place) return std::optional<JitRecord>();
  return std::optional(JitRecord{place, static_cast<JitRecordKind>(*kind), *size, *time});
}

std::optional<JitLoad> JitReader::LoadOf(const JitRecord& record) {
  if (record.size <= kJitRecordBytes + kLoadBytes) return std::nullopt;
  const uint64_t content = record.place + kJitRecordBytes;
  const auto address = Read<uint64_t>(content + 16);
  const auto size = Read<uint64_t>(content + 24);
  if (!address || !size) return std::nullopt;
  return JitLoad{*address, *size, content + kLoadBytes};
}

std::optional<JitMove> JitReader::MoveOf(const JitRecord& record) {
  if (record.size < kJitRecordBytes + kMoveBytes) return std::nullopt;
  const uint64_t content = record.place + kJitRecordBytes;
  const auto from = Read<uint64_t>(content + 16);
  const auto to = Read<uint64_t>(content + 24);
  const auto size = Read<uint64_t>(content + 32);
  if (!from || !to || !size) return std::nullopt;
  return JitMove{*from, *to, *size};
}

std::string JitReader::TextAt(uint64_t place, uint64_t end, size_t most) {
  const uint64_t longest = std::min<uint64_t>(most, end > place ? end - place : 0);
  // Most texts are short: reading ahead for each as much as it may have would read everything again for every one.
  for (const uint64_t step : {std::min(longest, kUsualTextBytes), longest}) {
    const auto bytes = From(place, static_cast<size_t>(step));
    const auto text = bytes.first(std::min<size_t>(bytes.size(), static_cast<size_t>(step)));
    const auto zero = std::find(text.begin(), text.end(), 0);
    if (zero != text.end() || step == longest) return {text.begin(), zero};
  }
  return {};
}

bool HasReadableLines(const JitRecord& debug_info) { return debug_info.size <= kMaxDebugRecord; }

std::optional<JitSourceLine> FindSourceLine(JitReader& reader, const JitRecord& debug_info,
                                            const JitLoad& load, uint64_t offset) {
  uint64_t place = debug_info.place + kJitRecordBytes;
  const auto of = reader.Read<uint64_t>(place);
  const auto count = reader.Read<uint64_t>(place + 8);
  if (of != load.address || !count || *count > kMaxDebugEntries) return std::nullopt;
  place += kDebugBytes;
  JitSourceLine current;
  std::optional<JitSourceLine> nearest;
  uint64_t nearest_address = 0;
  bool shifted = true;
  for (uint64_t left = *count; left > 0 && place + kDebugEntryBytes < debug_info.end(); left--) {
    const auto at = reader.Read<uint64_t>(place);
    const auto line = reader.Read<int32_t>(place + 8);
    if (!at || !line) return std::nullopt;
    place += kDebugEntryBytes;
    std::string file = reader.TextAt(place, debug_info.end(), kLongestFileName);
    place += file.size() + 1;
    if (file != kSameFile) current.file = std::move(file);
    current.line = static_cast<uint32_t>(std::max(*line, 0));
    shifted = shifted && *at - load.address >= kShiftOfV8;
    if (*at - load.address > offset || *at < nearest_address) continue;
    nearest = current;
    nearest_address = *at;
  }
  if (shifted || (nearest && nearest->line == 0)) return std::nullopt;
  return nearest;
}

}  // namespace sonde
