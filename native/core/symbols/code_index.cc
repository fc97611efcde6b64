#include "core/symbols/code_index.h"

#include <algorithm>
#include <queue>

namespace sonde {
namespace {

constexpr uint64_t kAddressEnd = uint64_t{1} << 57;
constexpr uint64_t kSizeEnd = uint64_t{1} << 31;

}  // namespace

CodeIndex::Entry::Entry(const MadeCode& code)
    : start_and_size_(code.start | code.size >> kLowSizeBits << kStartBits),
      place_and_size_(code.place | code.size << kPlaceBits) {}

/// Goes through ranges by their start and keeps those that no newer one overlaps, killed ones included: what overlaid a
/// function may itself be overlaid.
class CodeIndex::Sweep {
 public:
  explicit Sweep(size_t most) { kept_.reserve(most); }

  /// `age`: the higher, the newer. Those of one age do not overlap.
  void Take(const Entry& entry, uint32_t age) {
    while (!reaching_.empty() && reaching_.top().end <= entry.start()) reaching_.pop();
    const bool overlaid = !reaching_.empty() && reaching_.top().age > age;
    // Of the kept ones only the last may reach here: the newest of all that did.
    const bool overlays = !kept_.empty() && kept_.back().end() > entry.start();
    if (overlays && last_age_ < age) kept_.pop_back();
    if (!overlaid) {
      kept_.push_back(entry);
      last_age_ = age;
    }
    reaching_.push({age, entry.end()});
  }

  std::vector<Entry> Done() {
    std::erase_if(kept_, [](const Entry& entry) { return entry.place() == MadeCode::kUnnamed; });
    if (kept_.size() < kept_.capacity() / 2) kept_.shrink_to_fit();
    return std::move(kept_);
  }

 private:
  struct Reach {
    uint32_t age;
    uint64_t end;
    bool operator<(const Reach& other) const { return age < other.age; }
  };

  std::vector<Entry> kept_;
  uint32_t last_age_ = 0;
  /// The newest first; those that end before the others are dropped when they come to the top.
  std::priority_queue<Reach> reaching_;
};

bool CodeIndex::Fits(const MadeCode& code) {
  return code.size > 0 && code.size < kSizeEnd && code.start < kAddressEnd - code.size &&
         code.place <= MadeCode::kUnnamed;
}

void CodeIndex::Add(const std::vector<MadeCode>& newer) {
  if (newer.empty()) return;
  std::vector<uint32_t> by_start(newer.size());
  for (uint32_t i = 0; i < by_start.size(); i++) by_start[i] = i;
  std::sort(by_start.begin(), by_start.end(),
            [&](uint32_t left, uint32_t right) { return newer[left].start < newer[right].start; });
  Sweep sweep(entries_.size() + newer.size());
  auto known = entries_.begin();
  for (const uint32_t index : by_start) {
    for (; known != entries_.end() && known->start() < newer[index].start; ++known) {
      sweep.Take(*known, 0);
    }
    sweep.Take(Entry(newer[index]), index + 1);
  }
  for (; known != entries_.end(); ++known) sweep.Take(*known, 0);
  entries_ = sweep.Done();
}

void CodeIndex::Keep(size_t most) {
  if (entries_.size() <= most) return;
  if (most == 0) return Clear();
  std::vector<uint64_t> places;
  places.reserve(entries_.size());
  for (const Entry& entry : entries_) places.push_back(entry.place());
  const auto first = places.end() - static_cast<ptrdiff_t>(most);
  std::nth_element(places.begin(), first, places.end());
  std::erase_if(entries_, [lowest = *first](const Entry& entry) { return entry.place() < lowest; });
}

void CodeIndex::Clear() { entries_ = std::vector<Entry>(); }

std::optional<MadeCode> CodeIndex::Find(uint64_t avma) const {
  const auto after = std::upper_bound(
      entries_.begin(), entries_.end(), avma,
      [](uint64_t address, const Entry& entry) { return address < entry.start(); });
  if (after == entries_.begin() || std::prev(after)->end() <= avma) return std::nullopt;
  return std::prev(after)->code();
}

}  // namespace sonde
