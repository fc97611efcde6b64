#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace sonde {

/// Keeps each distinct raw call chain of a process once. Memory is bounded; nothing is allocated per stack.
class StackInterner {
 public:
  /// A chain as the kernel gave it, with its context markers.
  struct RawStack {
    uint32_t pid = 0;
    uint32_t length = 0;
    const uint64_t* addresses = nullptr;

    std::span<const uint64_t> chain() const { return {addresses, length}; }
  };

  /// `max_bytes`: of all chains and the tables about them. `seed` makes collisions unpredictable to what is sampled.
  StackInterner(size_t max_bytes, uint64_t seed);

  /// The number of the stack, the same for equal ones; nothing when there is no room for a new one.
  std::optional<uint32_t> Intern(uint32_t pid, std::span<const uint64_t> chain);

  uint32_t size() const { return static_cast<uint32_t>(stacks_.size()); }
  const RawStack& at(uint32_t stack) const { return stacks_[stack]; }
  /// Entries of all chains together.
  size_t words() const { return words_; }

 private:
  /// A place in the open-addressed table: part of the hash, and 1 + number of the stack.
  struct Slot {
    uint32_t tag = 0;
    uint32_t stack = 0;
  };

  std::optional<uint32_t> Add(uint32_t pid, std::span<const uint64_t> chain);
  uint64_t* Reserve(size_t words);
  void GrowTable();
  bool Equal(uint32_t stack, uint32_t pid, std::span<const uint64_t> chain) const;
  uint64_t HashOf(uint32_t pid, std::span<const uint64_t> chain) const;

  const uint64_t seed_;
  size_t bytes_left_;
  size_t words_ = 0;
  std::vector<Slot> slots_;
  std::vector<RawStack> stacks_;
  /// Hashes of the stacks, so that the table can grow without touching the chains.
  std::vector<uint64_t> hashes_;
  std::vector<std::unique_ptr<uint64_t[]>> blocks_;
  size_t block_used_ = 0;
};

}  // namespace sonde
