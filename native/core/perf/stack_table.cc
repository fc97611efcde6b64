#include "core/perf/stack_table.h"

#include <algorithm>

namespace sonde {
namespace {

constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;

uint64_t Mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * kGolden;
  return hash ^ (hash >> 29);
}

/// Two lanes, so that one multiplication need not wait for another.
uint64_t HashOf(std::span<const uint32_t> frames, StackState state) {
  uint64_t first = static_cast<uint64_t>(state);
  uint64_t second = frames.size();
  size_t index = 0;
  for (; index + 1 < frames.size(); index += 2) {
    first = Mixed(first, frames[index]);
    second = Mixed(second, frames[index + 1]);
  }
  if (index < frames.size()) first = Mixed(first, frames[index]);
  return Mixed(first, second);
}

}  // namespace

size_t FrameTable::Hash::operator()(const Frame& frame) const {
  const uint64_t rest = uint64_t{frame.mapping} << 8 | uint64_t{frame.return_address} << 4 |
                        static_cast<uint64_t>(frame.kind);
  return Mixed(Mixed(kGolden, frame.address), rest ^ uint64_t{frame.function} << 40);
}

size_t FunctionTable::Hash::operator()(const FunctionRow& row) const {
  return Mixed(Mixed(kGolden, uint64_t{row.function} << 32 | row.line),
               uint64_t{row.language ^ row.inlined_into} << 32 | row.file);
}

uint32_t FunctionTable::Add(const FunctionRow& row) {
  const auto [entry, added] = numbers_.try_emplace(row, static_cast<uint32_t>(rows_.size()));
  if (added) rows_.push_back(row);
  return entry->second;
}

uint32_t FrameTable::Add(const Frame& frame) {
  const auto [entry, added] = numbers_.try_emplace(frame, static_cast<uint32_t>(frames_.size()));
  if (added) frames_.push_back(frame);
  return entry->second;
}

uint32_t StackTable::Add(std::span<const uint32_t> frames, StackState state) {
  const uint64_t hash = HashOf(frames, state);
  size_t place = hash & (slots_.size() - 1);
  for (; slots_[place] != 0; place = (place + 1) & (slots_.size() - 1)) {
    const uint32_t known = slots_[place] - 1;
    if (hashes_[known] == hash && states_[known] == static_cast<uint8_t>(state) &&
        std::ranges::equal(StackAt(known), frames)) {
      return known;
    }
  }
  frames_.insert(frames_.end(), frames.begin(), frames.end());
  offsets_.push_back(static_cast<uint32_t>(frames_.size()));
  states_.push_back(static_cast<uint8_t>(state));
  hashes_.push_back(hash);
  slots_[place] = static_cast<uint32_t>(hashes_.size());
  const uint32_t stack = slots_[place] - 1;
  if (hashes_.size() * 2 > slots_.size()) Grow();
  return stack;
}

void StackTable::Reserve(size_t stacks, size_t frames) {
  frames_.reserve(frames);
  offsets_.reserve(stacks + 1);
  hashes_.reserve(stacks);
  states_.reserve(stacks);
}

void StackTable::Grow() {
  std::vector<uint32_t> grown(slots_.size() * 2);
  for (size_t stack = 0; stack < hashes_.size(); stack++) {
    size_t place = hashes_[stack] & (grown.size() - 1);
    while (grown[place] != 0) place = (place + 1) & (grown.size() - 1);
    grown[place] = static_cast<uint32_t>(stack) + 1;
  }
  slots_ = std::move(grown);
}

void FrameCache::Grow() {
  std::vector<Entry> grown(entries_.size() * 2);
  for (const Entry& entry : entries_) {
    if (entry.frame != 0) *Probe(grown, entry.space, entry.address) = entry;
  }
  entries_ = std::move(grown);
}

}  // namespace sonde
