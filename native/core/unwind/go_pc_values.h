#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sonde {

/// Steps through a table of one function's values by instruction (runtime/symtab.go: step; golang.org/s/go12symtab).
class GoPcValues {
 public:
  /// `quantum`: bytes that addresses are multiples of.
  GoPcValues(std::span<const uint8_t> bytes, uint32_t quantum) : bytes_(bytes), quantum_(quantum) {}

  /// Goes to the next value. False at the end of the table, and where it is damaged.
  bool Next();

  int64_t value() const { return value_; }
  /// The value holds for instructions before this: bytes from the function's start.
  uint64_t end() const { return end_; }
  /// Bytes that were read, with the mark of the end.
  size_t read() const { return at_; }
  /// The mark of the end was met.
  bool complete() const { return complete_; }

 private:
  bool ReadNumber(uint32_t& number);

  std::span<const uint8_t> bytes_;
  uint32_t quantum_;
  size_t at_ = 0;
  int32_t value_ = -1;
  uint64_t end_ = 0;
  bool complete_ = false;
};

}  // namespace sonde
