#include "core/unwind/row_cache.h"

#include <utility>

namespace sonde {

/// Where it stands, or would stand.
size_t RowCache::PlaceOf(uint64_t svma) const {
  size_t place = (svma * 0x9e3779b97f4a7c15) >> 32 & (entries_.size() - 1);
  while (entries_[place].svma != kEmpty && entries_[place].svma != svma) {
    place = (place + 1) & (entries_.size() - 1);
  }
  return place;
}

const RowCache::Known* RowCache::Find(uint64_t svma) const {
  const Entry& entry = entries_[PlaceOf(svma)];
  return entry.svma == svma && svma != kEmpty ? &entry.known : nullptr;
}

const RowCache::Known& RowCache::Keep(uint64_t svma, RowAndRules row) {
  Known known{.row = row.row};
  if (row.rules != nullptr) {
    known.rules = row.rules.get();
    rules_.push_back(std::move(row.rules));
  }
  return Put(svma, known);
}

const RowCache::Known& RowCache::KeepDamaged(uint64_t svma) { return Put(svma, {.damaged = true}); }

const RowCache::Known& RowCache::Put(uint64_t svma, const Known& known) {
  if ((used_ + 1) * 2 > entries_.size()) Grow();
  Entry& entry = entries_[PlaceOf(svma)];
  // The last address stands for none: what is said of it is not found again.
  if (entry.svma == kEmpty && svma != kEmpty) used_++;
  entry = {svma, known};
  return entry.known;
}

void RowCache::Grow() {
  std::vector<Entry> old = std::exchange(entries_, {});
  entries_.resize(old.size() * 2);
  for (const Entry& entry : old) {
    if (entry.svma != kEmpty) entries_[PlaceOf(entry.svma)] = entry;
  }
}

}  // namespace sonde
