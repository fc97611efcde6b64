#include "core/symbols/jitdump.h"

#include <algorithm>

namespace sonde {
namespace {

constexpr size_t kReadBlockBytes = 64 << 10;
/// For a single name.
constexpr size_t kNameBlockBytes = 2 << 10;
/// Records that are put into the index together.
constexpr size_t kPendingRecords = 64 << 10;
/// Records that may stand before the one that loads the function they are about.
constexpr int kMaxPrelude = 4;

bool SaysMore(JitRecordKind kind) {
  return kind == JitRecordKind::kDebugInfo || kind == JitRecordKind::kUnwinding;
}

}  // namespace

void Jitdump::Restart() {
  index_.Clear();
  pending_.clear();
  pending_by_start_.clear();
  cursor_ = GrowingFile();
  prelude_ = 0;
  forgot_ = false;
  damaged_ = false;
}

Status Jitdump::Begin(const TargetFile& file) {
  Restart();
  const auto header = JitReader::ReadHeader(file);
  if (!header) return header.error();
  header_ = *header;
  cursor_.Advance(file, header_.size);
  return Ok();
}

Result<Jitdump::Progress> Jitdump::Update(const TargetFile& file, uint64_t time,
                                          uint64_t max_bytes) {
  if (cursor_.position() == 0 || !cursor_.Continues(file)) {
    const Status begun = Begin(file);
    if (!begun) return begun.error();
  }
  JitReader reader(file, header_.swapped, kReadBlockBytes);
  uint64_t place = cursor_.position();
  Progress progress;
  while (!damaged_ && !progress.complete && reader.bytes_read() < max_bytes) {
    const auto record = reader.RecordAt(place);
    damaged_ = !record;
    if (damaged_) break;
    progress.complete = !*record || (!header_.other_clock && (*record)->time > time);
    if (progress.complete) break;
    Take(**record, reader);
    place = (*record)->end();
  }
  Index();
  cursor_.Advance(file, place);
  progress.bytes = reader.bytes_read();
  progress.damaged = damaged_;
  return progress;
}

void Jitdump::Take(const JitRecord& record, JitReader& reader) {
  if (SaysMore(record.kind)) {
    if (prelude_ == 0) prelude_ = record.place;
    return;
  }
  if (record.kind == JitRecordKind::kLoad) {
    const auto load = reader.LoadOf(record);
    if (load) Say({load->address, load->size, prelude_ == 0 ? record.place : prelude_});
  }
  if (record.kind == JitRecordKind::kMove) {
    const auto move = reader.MoveOf(record);
    if (move) Move(*move);
  }
  prelude_ = 0;
}

/// The same function at another place; what lay there before is gone, and nothing is left where it was.
void Jitdump::Move(const JitMove& move) {
  const auto known = Known(move.from);
  Say({move.from, move.size, MadeCode::kUnnamed});
  const bool same = known && known->size == move.size;
  Say({move.to, move.size, same ? known->place : MadeCode::kUnnamed});
}

std::optional<MadeCode> Jitdump::Known(uint64_t start) const {
  const auto pending = pending_by_start_.find(start);
  if (pending != pending_by_start_.end()) return pending_[pending->second];
  const auto code = index_.Find(start);
  return code && code->start == start ? code : std::nullopt;
}

void Jitdump::Say(const MadeCode& code) {
  if (!CodeIndex::Fits(code)) return;
  pending_by_start_[code.start] = pending_.size();
  pending_.push_back(code);
  if (pending_.size() >= kPendingRecords) Index();
}

void Jitdump::Index() {
  index_.Add(pending_);
  forgot_ = forgot_ || index_.size() > max_functions_;
  index_.Keep(max_functions_);
  pending_ = std::vector<MadeCode>();
  pending_by_start_.clear();
}

std::optional<CodeName> Jitdump::NameOf(const MadeCode& code, uint64_t avma, const TargetFile& file,
                                        ReadAllowance& allowance) const {
  if (!allowance.Allows(kNameBlockBytes)) return std::nullopt;
  JitReader reader(file, header_.swapped, kNameBlockBytes);
  auto name = ReadName(reader, code, avma - code.start, allowance);
  allowance.Take(reader.bytes_read());
  return name;
}

std::optional<CodeName> Jitdump::ReadName(JitReader& reader, const MadeCode& code, uint64_t offset,
                                          ReadAllowance& allowance) {
  std::optional<JitRecord> debug_info;
  auto record = reader.RecordAt(code.place);
  for (int before = 0; before < kMaxPrelude && record && *record; before++) {
    if (!SaysMore((*record)->kind)) break;
    if ((*record)->kind == JitRecordKind::kDebugInfo) debug_info = *record;
    record = reader.RecordAt((*record)->end());
  }
  // The file may have been written anew since it was read.
  if (!record || !*record || (*record)->kind != JitRecordKind::kLoad) return std::nullopt;
  const auto load = reader.LoadOf(**record);
  if (!load || load->size != code.size) return std::nullopt;
  CodeName name;
  name.function =
      CutCodeName(reader.TextAt(load->name_place, (*record)->end(), kLongestCodeName + 1));
  name.offset = static_cast<uint32_t>(offset);
  if (name.function.empty()) return std::nullopt;
  if (!debug_info || !HasReadableLines(*debug_info)) return name;
  if (!allowance.AllowsExtra(debug_info->size)) return name;
  if (const auto line = FindSourceLine(reader, *debug_info, *load, offset)) {
    name.file = line->file;
    name.line = line->line;
  }
  return name;
}

}  // namespace sonde
