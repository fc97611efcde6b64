#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sonde {

/// Reads little-endian DWARF out of bytes that may hold anything. What lies behind the end reads as 0 and is remembered,
/// and so is what makes no sense: a reader asks once, when it is done, whether all went well.
class DwarfCursor {
 public:
  /// Begins at `offset` of `bytes`.
  explicit DwarfCursor(std::span<const uint8_t> bytes, size_t offset = 0)
      : bytes_(bytes), offset_(offset) {
    if (offset > bytes.size()) Fail();
  }

  bool ok() const { return ok_; }
  /// A failed cursor is at its end.
  bool AtEnd() const { return offset_ == bytes_.size(); }
  /// Of the next byte.
  size_t offset() const { return offset_; }

  void Fail() {
    ok_ = false;
    offset_ = bytes_.size();
  }

  /// An integer of fixed size.
  template <typename Value>
  Value Read() {
    Value value = 0;
    if (bytes_.size() - offset_ < sizeof(Value)) {
      Fail();
      return value;
    }
    std::memcpy(&value, bytes_.data() + offset_, sizeof(Value));
    offset_ += sizeof(Value);
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
    if (count > bytes_.size() - offset_) {
      Fail();
      return {};
    }
    const auto taken = bytes_.subspan(offset_, count);
    offset_ += count;
    return taken;
  }

 private:
  struct Leb {
    uint64_t value;
    unsigned bits;  ///< that were written
  };
  /// 64 bits take ten; assemblers pad some numbers.
  static constexpr unsigned kMaxLebBytes = 16;

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

  std::span<const uint8_t> bytes_;
  size_t offset_;
  bool ok_ = true;
};

}  // namespace sonde
