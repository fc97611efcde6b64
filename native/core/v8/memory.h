#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace sonde {

/// The memory of a process that runs on while it is read. What it holds is believed of nobody.
class TargetMemory {
 public:
  virtual ~TargetMemory() = default;
  /// All of it or nothing.
  virtual bool Read(uint64_t address, std::span<std::byte> into) = 0;
};

/// Reads of one question: hostile memory leads on for ever.
class BoundedMemory {
 public:
  static constexpr unsigned kMaxReads = 4096;
  static constexpr size_t kMaxBytes = 64 << 20;

  explicit BoundedMemory(TargetMemory& memory) : memory_(memory) {}

  bool Read(uint64_t address, std::span<std::byte> into) {
    // Beyond user space there is nothing to read, and sums of addresses would overflow.
    if (reads_left_ == 0 || into.size() > bytes_left_ || address >= kEnd) return false;
    reads_left_--;
    bytes_left_ -= into.size();
    return memory_.Read(address, into);
  }

  template <typename Value>
  std::optional<Value> At(uint64_t address) {
    Value value;
    if (!Read(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
    return value;
  }

  void Refill() {
    reads_left_ = kMaxReads;
    bytes_left_ = kMaxBytes;
  }

 private:
  static constexpr uint64_t kEnd = uint64_t{1} << 56;

  TargetMemory& memory_;
  unsigned reads_left_ = kMaxReads;
  size_t bytes_left_ = kMaxBytes;
};

}  // namespace sonde
