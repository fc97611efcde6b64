#include "core/unwind/cfi_index.h"

#include <algorithm>
#include <tuple>

namespace sonde {
namespace {

/// node has 102,000, Chromium a million; but those have a header.
constexpr size_t kMaxIndexedFunctions = 256 << 10;

}  // namespace

Result<CfiIndex> CfiIndex::Build(const CfiSection& section) {
  CfiIndex index;
  auto& places = index.places_;
  size_t offset = 0;
  for (CfiEntry entry = section.EntryAt(0); entry.kind != CfiEntry::Kind::kNone;
       entry = section.EntryAt(offset)) {
    const Fde fde = section.ReadFde(entry);
    if (fde.readable && fde.svma != 0 && fde.size != 0) {
      if (places.size() == kMaxIndexedFunctions) return Error{E2BIG, "CFI: too many functions"};
      places.push_back({fde.svma, offset});
    }
    offset = entry.end;
  }
  std::sort(places.begin(), places.end(), [](const CfiPlace& left, const CfiPlace& right) {
    return std::tie(left.svma, left.fde) < std::tie(right.svma, right.fde);
  });
  places.shrink_to_fit();
  return index;
}

std::vector<CfiPlace>::const_iterator CfiIndex::Behind(uint64_t svma) const {
  return std::upper_bound(
      places_.begin(), places_.end(), svma,
      [](uint64_t address, const CfiPlace& place) { return address < place.svma; });
}

std::optional<CfiPlace> CfiIndex::Find(uint64_t svma) const {
  const auto behind = Behind(svma);
  if (behind == places_.begin()) return std::nullopt;
  return *std::prev(behind);
}

std::optional<uint64_t> CfiIndex::NextBehind(uint64_t svma) const {
  const auto behind = Behind(svma);
  if (behind == places_.end()) return std::nullopt;
  return behind->svma;
}

}  // namespace sonde
