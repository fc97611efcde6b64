#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/unwind/cfi.h"
#include "core/unwind/cfi_index.h"
#include "core/unwind/cfi_section.h"

namespace sonde {

/// .eh_frame_hdr (LSB 5.0, section 10.6.2): the FDEs of .eh_frame, sorted by where their functions begin.
class EhFrameHeader {
 public:
  /// Nothing where there is no table that can be searched: another encoding than the one that linkers write, a count that
  /// the sections do not hold, an order that is none, entries that do not name the FDEs in `frames`.
  static std::optional<EhFrameHeader> Read(SectionBytes section, const CfiSection& frames);

  /// The last function that begins at or before `svma`.
  std::optional<CfiPlace> Find(uint64_t svma) const;
  /// Where the first function behind `svma` begins.
  std::optional<uint64_t> NextBehind(uint64_t svma) const;
  size_t functions() const { return count_; }
  size_t capacity() const { return section_.bytes.capacity(); }

 private:
  EhFrameHeader(SectionBytes section, size_t table, size_t count, uint64_t frames_svma)
      : section_(std::move(section)), table_(table), count_(count), frames_svma_(frames_svma) {}

  /// One half of an entry: svmas from that of the header on.
  int64_t FunctionAt(size_t index) const { return Word(2 * index); }
  int64_t FdeAt(size_t index) const { return Word(2 * index + 1); }
  int32_t Word(size_t index) const;
  CfiPlace PlaceAt(size_t index) const;
  std::optional<size_t> IndexOf(uint64_t svma) const;
  bool IsSorted() const;
  bool Agrees(const CfiSection& frames) const;

  SectionBytes section_;
  size_t table_;
  size_t count_;
  uint64_t frames_svma_;
};

}  // namespace sonde
