#include "core/perf/stack_roots.h"

namespace sonde {

void StackRoots::Learn(std::span<const Place> outermost) {
  const bool thread = outermost.size() == 2 && outermost[0].image == outermost[1].image;
  // In a static program nothing tells the C library's functions from others.
  const bool first = outermost.size() == 3 && outermost[0].image == outermost[1].image &&
                     outermost[1].image != outermost[2].image;
  if ((!thread && !first) || behind_.size() >= kMaxImages || starts_.size() >= kMaxImages) return;
  auto& places = behind_[outermost[0].image];
  if (places.size() >= kMaxPlaces) return;
  const Next next{.svma = outermost[1].svma, .has_start = first};
  const auto [known, added] = places.try_emplace(outermost[0].svma, Known{.next = next});
  if (!added && known->second.next.svma != next.svma) known->second.ambiguous = true;
  if (first) starts_.try_emplace(outermost[2].image, outermost[2].svma);
}

std::optional<StackRoots::Next> StackRoots::Behind(const Place& place) const {
  const auto places = behind_.find(place.image);
  if (places == behind_.end()) return std::nullopt;
  const auto known = places->second.find(place.svma);
  if (known == places->second.end() || known->second.ambiguous) return std::nullopt;
  return known->second.next;
}

std::optional<uint64_t> StackRoots::StartOf(const ImagePtr& program) const {
  const auto known = starts_.find(program);
  return known == starts_.end() ? std::nullopt : std::optional(known->second);
}

}  // namespace sonde
