#include "core/perf/code_library.h"

#include <algorithm>

#include "core/base/clock.h"

namespace sonde {
namespace {

/// A file that cannot be read is tried again, later each time: another process may show it.
constexpr uint64_t kRetryAfter = 1'000'000'000;
constexpr int kMaxDoublings = 8;
constexpr size_t kMaxNames = 4096;
const std::string kOtherFiles = "other files";
/// Entries of files that nothing maps any more are looked for when there are so many.
constexpr size_t kManyEntries = 4096;
/// For all processes together.
constexpr uint64_t kMakingAtOnce = 2'000'000'000;
constexpr uint64_t kMakingShare = 10;
/// Rows take 100 bytes, or 1 KiB where they have rules.
constexpr size_t kRowsBetweenLooks = 1024;

std::string BaseName(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

}  // namespace

uint32_t NameList::Add(const std::string& name) {
  const auto known = numbers_.find(name);
  if (known != numbers_.end()) return known->second;
  if (names_.size() >= kMaxNames && name != kOtherFiles) return Add(kOtherFiles);
  names_.push_back(name);
  return numbers_[name] = static_cast<uint32_t>(names_.size() - 1);
}

CodeLibrary::CodeLibrary(ImageLoader& loader, size_t max_bytes)
    : loader_(loader),
      max_bytes_(max_bytes),
      allowance_{.at_once = kMakingAtOnce, .share = kMakingShare, .since = MonotonicNow()},
      many_entries_(kManyEntries) {}

CodeLibrary::Entry& CodeLibrary::EntryOf(const ImagePtr& image) {
  const auto known = entries_.find(image.get());
  if (known != entries_.end()) return known->second;
  if (entries_.size() >= many_entries_) ForgetUnused();
  Entry& entry = entries_[image.get()];
  entry.image = image;
  entry.name = names_.Add(BaseName(image->path));
  return entry;
}

void CodeLibrary::ForgetUnused() {
  std::erase_if(entries_, [](const auto& known) {
    return known.second.image.use_count() == 1 && known.second.state != Entry::State::kAsked;
  });
  many_entries_ = entries_.size() * 2 + kManyEntries;
  generation_++;
}

Code CodeLibrary::At(const MappedRange& range, uint64_t address, const Asker& asker) {
  Entry& entry = EntryOf(range.image);
  const bool failed =
      entry.state == Entry::State::kUnreadable || entry.state == Entry::State::kLate;
  const bool again = failed && asker.now >= entry.try_again_at;
  if (entry.state == Entry::State::kWanted || again) Ask(entry, asker.pid);
  switch (entry.state) {
    case Entry::State::kWanted:
    case Entry::State::kAsked:
      return {.state = Code::State::kPending, .name = entry.name};
    case Entry::State::kUnreadable:
      return {.state = Code::State::kUnreadable, .name = entry.name};
    case Entry::State::kLate:
      return {.state = Code::State::kLate, .name = entry.name};
    case Entry::State::kKnown:
      break;
  }
  return InRows(entry, range, address, asker);
}

void CodeLibrary::Ask(Entry& entry, uint32_t pid) {
  entry.state = Entry::State::kAsked;
  loader_.LoadImage(entry.image, pid);
}

Code CodeLibrary::InRows(Entry& entry, const MappedRange& range, uint64_t address,
                         const Asker& asker) {
  const AddressBias bias = BiasOf(range);
  Code code{.state = Code::State::kUnreadable, .name = entry.name};
  if (bias.space != AddressSpaceKind::kSvma) return code;
  Rows& rows = *entry.rows;
  rows.used_at = asker.now;
  const RowCache::Known* known = KnownAt(rows, address - bias.bias, asker);
  if (known == nullptr) code.state = Code::State::kCostly;
  if (known == nullptr || known->damaged) return code;
  code.state = Code::State::kKnown;
  code.row = known->row;
  code.rules = known->rules;
  if (code.row.kind != UnwindRow::Kind::kNone) return code;
  const auto kept = rows.tables->FramePointersAt(address - bias.bias);
  code.keeps_frame_pointers = kept != UnwindTables::FramePointers::kLost;
  code.likely = kept == UnwindTables::FramePointers::kLikely;
  return code;
}

bool CodeLibrary::Exceeded(const Asker& asker) const {
  return asker.allowance.Exceeded(asker.now) || allowance_.Exceeded(asker.now);
}

/// The one who asks pays: others have the same files.
template <typename Work>
auto CodeLibrary::AtCostOf(const Asker& asker, Work&& work) {
  const uint64_t before = ClockNow(CLOCK_THREAD_CPUTIME_ID);
  auto made = work();
  const uint64_t took = ClockNow(CLOCK_THREAD_CPUTIME_ID) - before;
  asker.allowance.used += took;
  allowance_.used += took;
  return made;
}

std::optional<CfiRow> CodeLibrary::RulesAt(const MappedRange& range, uint64_t address,
                                           const Asker& asker) {
  const Entry& entry = EntryOf(range.image);
  const AddressBias bias = BiasOf(range);
  if (entry.state != Entry::State::kKnown || bias.space != AddressSpaceKind::kSvma ||
      Exceeded(asker)) {
    return std::nullopt;
  }
  auto row = AtCostOf(asker, [&] { return entry.rows->tables->RowOf(address - bias.bias); });
  if (!row) return std::nullopt;
  return std::move(*row);
}

const RowCache::Known* CodeLibrary::KnownAt(Rows& rows, uint64_t svma, const Asker& asker) {
  const RowCache::Known* known = rows.cache.Find(svma);
  if (known != nullptr) return known;
  if (Exceeded(asker)) return nullptr;
  if (rows.cache.full()) {
    rows.cache = RowCache();
    generation_++;
  }
  rows_made_++;
  auto found = AtCostOf(asker, [&] { return rows.tables->Find(svma); });
  return found ? &rows.cache.Keep(svma, std::move(*found)) : &rows.cache.KeepDamaged(svma);
}

void CodeLibrary::Tidy(uint64_t now) {
  if (rows_made_ < kRowsBetweenLooks) return;
  rows_made_ = 0;
  MakeRoom(now);
}

void CodeLibrary::Add(LoadedImage loaded, uint64_t now) {
  const auto known = entries_.find(loaded.image.get());
  if (known == entries_.end()) return;
  Entry& entry = known->second;
  if (entry.state == Entry::State::kKnown) return;
  if (!loaded.tables) {
    const bool late = loaded.tables.error().code == ETIMEDOUT;
    entry.state = late ? Entry::State::kLate : Entry::State::kUnreadable;
    entry.try_again_at = now + (kRetryAfter << std::min(entry.failures++, kMaxDoublings));
    return;
  }
  const UnwindTablesPtr& tables = *loaded.tables;
  entry.rows = rows_[tables.get()].lock();
  if (entry.rows == nullptr) {
    entry.rows = std::make_shared<Rows>(Rows{.tables = tables});
    rows_[tables.get()] = entry.rows;
  }
  entry.rows->used_at = now;
  entry.v8 = std::move(loaded.v8);
  entry.state = Entry::State::kKnown;
  if (!entry.image->headers) entry.image->headers = tables->headers();
  MakeRoom(now);
}

V8ImagePtr CodeLibrary::V8Of(const Image& image) const {
  const auto known = entries_.find(&image);
  return known == entries_.end() ? nullptr : known->second.v8;
}

size_t CodeLibrary::bytes() const {
  size_t bytes = 0;
  for (const auto& [tables, weak] : rows_) {
    const auto rows = weak.lock();
    if (rows != nullptr) bytes += rows->tables->bytes() + rows->cache.bytes();
  }
  return bytes;
}

/// Forgets rows, the ones unused for longest first. What is in use at this moment stays, or nothing could be unwound.
void CodeLibrary::MakeRoom(uint64_t now) {
  for (size_t held = bytes(); held > max_bytes_; held = bytes()) {
    std::shared_ptr<Rows> oldest;
    for (const auto& [tables, weak] : rows_) {
      const auto rows = weak.lock();
      if (rows != nullptr && (oldest == nullptr || rows->used_at < oldest->used_at)) oldest = rows;
    }
    if (oldest == nullptr || oldest->used_at >= now) break;
    for (auto& [image, entry] : entries_) {
      if (entry.rows != oldest) continue;
      entry.rows.reset();
      entry.state = Entry::State::kWanted;
    }
    rows_.erase(oldest->tables.get());
    generation_++;
  }
  std::erase_if(rows_, [](const auto& known) { return known.second.expired(); });
}

}  // namespace sonde
