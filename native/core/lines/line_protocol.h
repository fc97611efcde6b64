// What the agent and sonde-lines, its child that reads DWARF, say to each other over one socket. Both are built together
// and run on one machine: numbers are as they lie in memory. What the child says is not trusted (line_answers.h).
//
//   agent → child   RequestHeader, then `count` addresses (uint64_t), ascending
//   child → agent   records: RecordHeader, then `bytes` of it
//     kText    a text; the first one has number 1, the next 2, …; 0 stands for the empty text
//     kAnswer  AnswerHeader, then `lines` times LineEntry, innermost function first; one for each address that was looked at
//     kEnd     why not all could be answered, empty where it is all well; nothing follows
#pragma once

#include <cstddef>
#include <cstdint>

namespace sonde {

inline constexpr uint32_t kLineRequestMagic = 0x31514c53;  // "SLQ1"

/// Descriptors that the child inherits.
inline constexpr int kLineSocketFd = 0;
inline constexpr int kLineImageFd = 3;

/// Of one request.
inline constexpr uint32_t kMaxLineAddresses = 1 << 16;
/// Of one text, in bytes: longer names are left out.
inline constexpr size_t kMaxLineText = 8 << 10;
/// Functions at one address: deeper ones are left out.
inline constexpr uint32_t kMaxLineDepth = 64;

struct LineRequestHeader {
  uint32_t magic = kLineRequestMagic;
  uint32_t count = 0;
};

enum class LineRecordKind : uint32_t { kText = 1, kAnswer = 2, kEnd = 3 };

struct LineRecordHeader {
  LineRecordKind kind = LineRecordKind::kEnd;
  uint32_t bytes = 0;
};

struct LineAnswerHeader {
  uint32_t address = 0;  ///< its position in the request
  uint32_t lines = 0;    ///< 0 where DWARF says nothing of the address
  uint64_t start =
      0;  ///< svma where the range of the outermost function that covers the address begins
  uint64_t entry = 0;  ///< svma where that function is entered
};

/// A place in one of the functions at an address.
struct LineEntry {
  uint32_t function = 0;  ///< number of its linkage name, or of its name where it has none
  uint32_t file = 0;      ///< number of the source file's path
  uint32_t line = 0;      ///< 0 where unknown
};

}  // namespace sonde
