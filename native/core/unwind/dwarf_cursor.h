#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace sonde {

/// Reads little-endian DWARF out of bytes that may hold anything. What lies behind the end reads as 0 and is remembered,
/// and so is what makes no sense: a reader asks once, when it is done, whether all went well.
class DwarfCursor {
 public:
  /// Begins at `offset` of `bytes`.
  explicit DwarfCursor(std::span<const uint8_t> bytes, size_t offset = 0)
      : begin_(bytes.data()), next_(begin_), end_(begin_ + bytes.size()) {
    ReadBytes(offset);
  }

  bool ok() const { return ok_; }
  /// A failed cursor is at its end.
  bool AtEnd() const { return next_ == end_; }
  /// Of the next byte.
  size_t offset() const { return static_cast<size_t>(next_ - begin_); }

  /// Leaves out what follows.
  void Finish() { next_ = end_; }
  void Fail() {
    ok_ = false;
    Finish();
  }

  /// An integer of fixed size.
  template <typename Value>
  Value Read() {
    Value value = 0;
    if (Left() < sizeof(Value)) {
      Fail();
      return value;
    }
    std::memcpy(&value, next_, sizeof(Value));
    next_ += sizeof(Value);
    return value;
  }

  /// Bits above the 64th are dropped.
  uint64_t ReadUleb() {
    const uint8_t first = Read<uint8_t>();
    return first < 0x80 ? first : ReadLongLeb(first).value;
  }

  int64_t ReadSleb() {
    const Leb leb = ReadLongLeb(Read<uint8_t>());
    const uint64_t sign = leb.bits < 64 ? leb.value >> (leb.bits - 1) & 1 : 0;
    return static_cast<int64_t>(sign != 0 ? leb.value | ~uint64_t{0} << leb.bits : leb.value);
  }

  /// The next `count` bytes; none where there are fewer.
  std::span<const uint8_t> ReadBytes(uint64_t count) {
    if (count > Left()) {
      Fail();
      return {};
    }
    next_ += count;
    return {next_ - count, count};
  }

  /// Characters up to a zero, which is read too: `max_size` of them at most.
  std::string_view ReadText(size_t max_size) {
    const auto* text = reinterpret_cast<const char*>(next_);
    const size_t size = std::string_view(text, std::min(Left(), max_size + 1)).find('\0');
    if (size == std::string_view::npos) {
      Fail();
      return {};
    }
    next_ += size + 1;
    return {text, size};
  }

 private:
  struct Leb {
    uint64_t value;
    unsigned bits;  ///< that were written
  };
  /// 64 bits take ten; assemblers pad some numbers.
  static constexpr unsigned kMaxLebBytes = 16;

  size_t Left() const { return static_cast<size_t>(end_ - next_); }

  Leb ReadLongLeb(uint8_t byte) {
    Leb leb{.value = byte & uint64_t{0x7f}, .bits = 7};
    while ((byte & 0x80) != 0) {
      if (leb.bits == 7 * kMaxLebBytes) {
        Fail();
        break;
      }
      byte = Read<uint8_t>();
      if (leb.bits < 64) leb.value |= (byte & uint64_t{0x7f}) << leb.bits;
      leb.bits += 7;
    }
    return leb;
  }

  const uint8_t* begin_;
  const uint8_t* next_;
  const uint8_t* end_;
  bool ok_ = true;
};

}  // namespace sonde
