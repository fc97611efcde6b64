#include "core/perf/process_trees.h"

#include <algorithm>
#include <utility>

namespace sonde {
namespace {

/// More than a machine has processes. Whatever else descends from a root is not known to.
constexpr size_t kMaxTreeMembers = 1 << 18;

}  // namespace

void ProcessTrees::Watch(std::span<const uint32_t> roots, std::span<const ProcessTraits> living) {
  const ProcessTrees before = std::exchange(*this, {});
  roots_.assign(roots.begin(), roots.begin() + std::min(roots.size(), kMaxRoots));
  for (size_t index = 0; index < roots_.size(); index++) {
    const uint32_t root = roots_[index];
    // A root that was watched before may have ended, and its number be another's.
    const bool known = before.HasMembers(root);
    for (const ProcessTraits& process : living) {
      const bool member = known ? before.Contains(root, process.pid) : process.pid == root;
      if (member) members_[process.pid] |= Mask{1} << index;
    }
  }
  Descend(living);
}

/// Makes descendants of members, as /proc shows them, members.
void ProcessTrees::Descend(std::span<const ProcessTraits> living) {
  std::vector<ProcessTraits> children(living.begin(), living.end());
  std::ranges::sort(children, {}, &ProcessTraits::parent);
  std::vector<uint32_t> open;
  open.reserve(members_.size());
  for (const auto& [pid, mask] : members_) open.push_back(pid);
  while (!open.empty()) {
    const uint32_t parent = open.back();
    open.pop_back();
    const Mask inherited = members_[parent];
    for (const auto& child :
         std::ranges::equal_range(children, parent, {}, &ProcessTraits::parent)) {
      Mask& mask = members_[child.pid];
      if ((mask | inherited) == mask) continue;
      mask |= inherited;
      open.push_back(child.pid);
    }
  }
}

void ProcessTrees::OnFork(uint32_t parent, uint32_t child) {
  const auto found = members_.find(parent);
  if (found == members_.end()) {
    members_.erase(child);
  } else if (members_.size() < kMaxTreeMembers) {
    const Mask inherited = found->second;
    members_[child] = inherited;
  }
}

ProcessTrees::Mask ProcessTrees::MaskOf(uint32_t root) const {
  const auto found = std::ranges::find(roots_, root);
  return found == roots_.end() ? 0 : Mask{1} << (found - roots_.begin());
}

bool ProcessTrees::HasMembers(uint32_t root) const {
  const Mask bit = MaskOf(root);
  return std::ranges::any_of(members_,
                             [&](const auto& member) { return (member.second & bit) != 0; });
}

bool ProcessTrees::Contains(uint32_t root, uint32_t pid) const {
  const auto found = members_.find(pid);
  return found != members_.end() && (found->second & MaskOf(root)) != 0;
}

}  // namespace sonde
