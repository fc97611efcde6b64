#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sonde {

/// Code of one function, as the runtime that made it says.
struct MadeCode {
  /// Says that what lay there is gone, and names nothing.
  static constexpr uint64_t kUnnamed = (uint64_t{1} << 40) - 1;

  uint64_t start = 0;  ///< avma, below 2^57
  uint64_t size = 0;   ///< bytes, 1 to 2^31 - 1
  uint64_t place = 0;  ///< offset of what says so in its file, below 2^40 - 1

  uint64_t end() const { return start + size; }
  bool operator==(const MadeCode&) const = default;
};

/// Which code lies where, of a runtime that uses memory again: what was said last counts, and whatever it overlaps is
/// gone as a whole.
class CodeIndex {
 public:
  static constexpr size_t kBytesEach = 16;

  /// Whether a range can be held: anything larger is no function.
  static bool Fits(const MadeCode& code);

  /// `newer` is what was said since, in that order. All of it fits.
  void Add(const std::vector<MadeCode>& newer);

  /// Forgets those whose place is the lowest, as many as are more than `most`.
  void Keep(size_t most);

  void Clear();

  /// The code that covers an address.
  std::optional<MadeCode> Find(uint64_t avma) const;

  size_t size() const { return entries_.size(); }
  size_t bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  class Entry {
   public:
    explicit Entry(const MadeCode& code);
    MadeCode code() const { return {start(), size(), place()}; }
    uint64_t start() const { return start_and_size_ & kStartMask; }
    uint64_t end() const { return start() + size(); }
    uint64_t place() const { return place_and_size_ & kPlaceMask; }

   private:
    static constexpr int kStartBits = 57;
    static constexpr int kPlaceBits = 40;
    static constexpr int kLowSizeBits = 24;
    static constexpr uint64_t kStartMask = (uint64_t{1} << kStartBits) - 1;
    static constexpr uint64_t kPlaceMask = (uint64_t{1} << kPlaceBits) - 1;
    uint64_t size() const {
      return start_and_size_ >> kStartBits << kLowSizeBits | place_and_size_ >> kPlaceBits;
    }

    uint64_t start_and_size_;  ///< the upper 7 bits: of the size, the upper ones
    uint64_t place_and_size_;  ///< the upper 24 bits: of the size, the lower ones
  };
  static_assert(sizeof(Entry) == kBytesEach);
  class Sweep;

  /// By start; none overlaps another.
  std::vector<Entry> entries_;
};

}  // namespace sonde
