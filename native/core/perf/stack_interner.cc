#include "core/perf/stack_interner.h"

#include <algorithm>

#include "core/base/hash.h"

namespace sonde {
namespace {

constexpr size_t kFirstSlots = 1 << 12;
/// Longer than any chain: a record has less than 64 KiB.
constexpr size_t kBlockWords = 32 * 1024;
/// What the tables hold of one stack: its entry, its hash, and two slots of 8 bytes.
constexpr size_t kTableBytesPerStack = sizeof(StackInterner::RawStack) + 8 + 16;

}  // namespace

StackInterner::StackInterner(size_t max_bytes, uint64_t seed)
    : seed_(seed), bytes_left_(max_bytes), slots_(kFirstSlots) {}

uint64_t StackInterner::HashOf(uint32_t pid, std::span<const uint64_t> chain) const {
  // Two independent lanes keep the multiplier busy.
  uint64_t first = seed_ ^ pid;
  uint64_t second = seed_ ^ chain.size();
  size_t index = 0;
  for (; index + 1 < chain.size(); index += 2) {
    first = MixHash(first ^ chain[index], kFirstHashSecret);
    second = MixHash(second ^ chain[index + 1], kSecondHashSecret);
  }
  if (index < chain.size()) first = MixHash(first ^ chain[index], kFirstHashSecret);
  return MixHash(first ^ kSecondHashSecret, second ^ kFirstHashSecret);
}

bool StackInterner::Equal(uint32_t stack, uint32_t pid, std::span<const uint64_t> chain) const {
  const RawStack& known = stacks_[stack];
  return known.pid == pid && std::ranges::equal(known.chain(), chain);
}

std::optional<uint32_t> StackInterner::Intern(uint32_t pid, std::span<const uint64_t> chain) {
  const uint64_t hash = HashOf(pid, chain);
  const auto tag = static_cast<uint32_t>(hash >> 32);
  size_t place = hash & (slots_.size() - 1);
  while (slots_[place].stack != 0) {
    const Slot& slot = slots_[place];
    if (slot.tag == tag && Equal(slot.stack - 1, pid, chain)) return slot.stack - 1;
    place = (place + 1) & (slots_.size() - 1);
  }
  const auto stack = Add(pid, chain);
  if (!stack) return std::nullopt;
  hashes_.push_back(hash);
  slots_[place] = Slot{tag, *stack + 1};
  if (stacks_.size() * 2 > slots_.size()) GrowTable();
  return stack;
}

std::optional<uint32_t> StackInterner::Add(uint32_t pid, std::span<const uint64_t> chain) {
  const size_t bytes = chain.size_bytes() + kTableBytesPerStack;
  if (bytes > bytes_left_ || chain.size() > kBlockWords) return std::nullopt;
  bytes_left_ -= bytes;
  words_ += chain.size();
  uint64_t* addresses = Reserve(chain.size());
  std::ranges::copy(chain, addresses);
  stacks_.push_back(RawStack{pid, static_cast<uint32_t>(chain.size()), addresses});
  return size() - 1;
}

uint64_t* StackInterner::Reserve(size_t words) {
  if (blocks_.empty() || block_used_ + words > kBlockWords) {
    blocks_.push_back(std::make_unique_for_overwrite<uint64_t[]>(kBlockWords));
    block_used_ = 0;
  }
  uint64_t* reserved = blocks_.back().get() + block_used_;
  block_used_ += words;
  return reserved;
}

void StackInterner::GrowTable() {
  std::vector<Slot> grown(slots_.size() * 2);
  for (uint32_t stack = 0; stack < size(); stack++) {
    size_t place = hashes_[stack] & (grown.size() - 1);
    while (grown[place].stack != 0) place = (place + 1) & (grown.size() - 1);
    grown[place] = Slot{static_cast<uint32_t>(hashes_[stack] >> 32), stack + 1};
  }
  slots_ = std::move(grown);
}

}  // namespace sonde
