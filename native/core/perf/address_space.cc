#include "core/perf/address_space.h"

#include <algorithm>
#include <utility>

namespace sonde {
namespace {

/// Whether an address of both means the same in both. The kernel reports a mapping anew when it grows into a neighbour.
bool Agree(const MappedRange& left, const MappedRange& right) {
  if (left.image != right.image) return false;
  return left.image->kind != ImageKind::kFile ||
         left.start - left.file_offset == right.start - right.file_offset;
}

/// The part of a mapping from `start` to `end`.
MappedRange Part(const MappedRange& whole, uint64_t start, uint64_t end) {
  MappedRange part = whole;
  part.start = start;
  part.end = end;
  if (whole.image->kind == ImageKind::kFile) part.file_offset += start - whole.start;
  return part;
}

}  // namespace

AddressSpace::Mapped& AddressSpace::Map(MappedRange range, uint64_t time) {
  auto first = live_.upper_bound(range.start);
  if (first != live_.begin() && std::prev(first)->second.range.end > range.start) --first;
  const auto last = live_.lower_bound(range.end);
  const bool conflict = std::any_of(
      first, last, [&](const auto& entry) { return !Agree(entry.second.range, range); });
  if (conflict) BeginEpoch(time);

  uint32_t first_epoch = epochs() - 1;
  for (auto next = first; next != last;) {
    const auto overlapped = next++;
    if (Agree(overlapped->second.range, range)) {
      first_epoch = std::min(first_epoch, overlapped->second.first_epoch);
    }
    Cut(overlapped, range);
  }
  const uint64_t start = range.start;
  return live_[start] = Mapped{.range = std::move(range), .first_epoch = first_epoch};
}

/// Ends a mapping where another one begins; what sticks out of it stays.
void AddressSpace::Cut(std::map<uint64_t, Mapped>::iterator overlapped, const MappedRange& by) {
  Mapped old = std::move(overlapped->second);
  live_.erase(overlapped);
  const auto keep = [&](uint64_t start, uint64_t end) {
    Mapped part = old;
    part.range = Part(old.range, start, end);
    live_[start] = std::move(part);
  };
  if (old.range.start < by.start) keep(old.range.start, by.start);
  if (old.range.end > by.end) keep(by.end, old.range.end);
  if (Agree(old.range, by)) return;
  old.last_epoch = epochs() - 2;
  retired_.push_back(std::move(old));
}

void AddressSpace::Clear(uint64_t time) {
  if (live_.empty()) return;
  BeginEpoch(time);
  for (auto& [start, mapped] : live_) {
    mapped.last_epoch = epochs() - 2;
    retired_.push_back(std::move(mapped));
  }
  live_.clear();
}

void AddressSpace::CopyFrom(const AddressSpace& parent) {
  for (const auto& [start, mapped] : parent.live_) {
    live_.emplace_hint(live_.end(), start,
                       Mapped{.range = mapped.range, .first_epoch = epochs() - 1});
  }
}

bool AddressSpace::Supplement(MappedRange range) {
  const auto next = live_.upper_bound(range.start);
  if (next != live_.end() && next->first < range.end) return false;
  if (next != live_.begin() && std::prev(next)->second.range.end > range.start) return false;
  const uint64_t start = range.start;
  live_[start] = Mapped{.range = std::move(range), .first_epoch = epochs() - 1};
  return true;
}

uint32_t AddressSpace::EpochAt(uint64_t time) const {
  const auto after = std::upper_bound(boundaries_.begin(), boundaries_.end(), time);
  return static_cast<uint32_t>(after - boundaries_.begin());
}

AddressSpace::Mapped* AddressSpace::Find(uint64_t address, uint32_t epoch) {
  const auto after = live_.upper_bound(address);
  if (after != live_.begin()) {
    Mapped& mapped = std::prev(after)->second;
    if (address < mapped.range.end && mapped.first_epoch <= epoch) return &mapped;
  }
  return FindRetired(address, epoch);
}

AddressSpace::Mapped* AddressSpace::FindRetired(uint64_t address, uint32_t epoch) {
  const auto from = std::lower_bound(
      retired_.begin(), retired_.end(), epoch,
      [](const Mapped& mapped, uint32_t wanted) { return mapped.last_epoch < wanted; });
  // What held the address in the epoch ended soon after it; a process that maps in a loop must not make this slow.
  constexpr ptrdiff_t kMaxSteps = 4096;
  const auto to = from + std::min(kMaxSteps, retired_.end() - from);
  for (auto mapped = from; mapped != to; ++mapped) {
    const MappedRange& range = mapped->range;
    if (mapped->first_epoch <= epoch && range.start <= address && address < range.end) {
      return &*mapped;
    }
  }
  return nullptr;
}

void AddressSpace::EndWindow() {
  retired_.clear();
  boundaries_.clear();
  for (auto& [start, mapped] : live_) {
    mapped.first_epoch = 0;
    mapped.row = kNoRow;
  }
}

}  // namespace sonde
