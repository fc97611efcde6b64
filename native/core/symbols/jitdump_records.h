#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/symbols/target_file.h"

namespace sonde {

enum class JitRecordKind : uint32_t { kLoad, kMove, kDebugInfo, kClose, kUnwinding };

struct JitHeader {
  bool swapped = false;  ///< written with the other order of bytes
  uint32_t size = 0;
  uint32_t pid = 0;
  bool other_clock = false;  ///< times are the processor's, not CLOCK_MONOTONIC
};

/// What stands before each record's content.
struct JitRecord {
  uint64_t place = 0;
  JitRecordKind kind = JitRecordKind::kLoad;
  uint64_t size = 0;  ///< with this
  uint64_t time = 0;

  uint64_t end() const { return place + size; }
};

struct JitLoad {
  uint64_t address = 0;
  uint64_t size = 0;
  uint64_t name_place = 0;  ///< of a text that ends with a zero byte
};

struct JitMove {
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t size = 0;
};

/// Reads a jitdump forwards in blocks, and counts what it reads.
class JitReader {
 public:
  JitReader(const TargetFile& file, bool swapped, size_t block_bytes)
      : file_(file), swapped_(swapped), block_bytes_(block_bytes) {}

  /// Error: EINVAL for what is no jitdump, ENODATA for one that has only just been made.
  static Result<JitHeader> ReadHeader(const TargetFile& file);

  /// Nothing where the file does not hold all of it: it is being written.
  /// Error: EINVAL for what cannot be a record.
  Result<std::optional<JitRecord>> RecordAt(uint64_t place);
  std::optional<JitLoad> LoadOf(const JitRecord& record);
  std::optional<JitMove> MoveOf(const JitRecord& record);
  /// The text at `place`, up to a zero byte or `end`, `most` bytes of it.
  std::string TextAt(uint64_t place, uint64_t end, size_t most);
  template <typename Number>
  std::optional<Number> Read(uint64_t place);

  uint64_t bytes_read() const { return bytes_read_; }

 private:
  std::span<const uint8_t> From(uint64_t place, size_t least);

  const TargetFile& file_;
  const bool swapped_;
  const size_t block_bytes_;
  std::vector<uint8_t> block_;
  uint64_t block_place_ = 0;
  uint64_t bytes_read_ = 0;
};

struct JitSourceLine {
  std::string file;
  uint32_t line = 0;
};

/// Whether a record of lines is no larger than what is read for an address.
bool HasReadableLines(const JitRecord& debug_info);

/// Where in the source the code is that stands `offset` bytes into a function, by the record that says so of the function.
/// Nothing where that is of another one, or where its addresses are V8's, which are 64 bytes too high: those of the
/// function's first bytes are missing then.
std::optional<JitSourceLine> FindSourceLine(JitReader& reader, const JitRecord& debug_info,
                                            const JitLoad& load, uint64_t offset);

template <typename Number>
std::optional<Number> JitReader::Read(uint64_t place) {
  const auto bytes = From(place, sizeof(Number));
  if (bytes.size() < sizeof(Number)) return std::nullopt;
  std::array<uint8_t, sizeof(Number)> copy;
  std::memcpy(copy.data(), bytes.data(), copy.size());
  if (swapped_) std::reverse(copy.begin(), copy.end());
  return std::bit_cast<Number>(copy);
}

}  // namespace sonde
