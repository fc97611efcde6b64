#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "core/symbols/target_file.h"

namespace sonde {

/// A part of a file.
struct FileRange {
  uint64_t offset = 0;
  uint64_t size = 0;
};

/// Reads a part of a file once, forwards, in pieces: a table may be larger than what an agent wants to hold.
class FileWindow {
 public:
  FileWindow(const TargetFile& file, FileRange range) : file_(file), range_(range) {}

  /// What is at hand from `offset` of the range on: `least` bytes or more, or up to the end of the range or the file.
  /// Valid until the next call. Nothing for an offset before what was dropped: that of the last call is never dropped.
  std::span<const uint8_t> From(uint64_t offset, size_t least);

  /// A number at `offset`, where it lies in the range.
  template <typename Number>
  std::optional<Number> Read(uint64_t offset) {
    const auto bytes = From(offset, sizeof(Number));
    if (bytes.size() < sizeof(Number)) return std::nullopt;
    Number number;
    std::memcpy(&number, bytes.data(), sizeof(number));
    return number;
  }

 private:
  const TargetFile& file_;
  const FileRange range_;
  /// Of the range, where `bytes_` begins.
  uint64_t begin_ = 0;
  std::vector<uint8_t> bytes_;
};

}  // namespace sonde
