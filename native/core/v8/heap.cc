#include "core/v8/heap.h"

#include <algorithm>
#include <vector>

#include "core/symbols/printable_text.h"
#include "core/symbols/utf8.h"

namespace sonde {
namespace {

constexpr uint64_t kMapInstanceType = 12;
/// Strings come first.
constexpr uint16_t kFirstNonstringType = 128;

// Bits of a string's instance type.
constexpr uint16_t kRepresentation = 7;
constexpr uint16_t kOneByte = 8;
constexpr uint16_t kUncached = 16;
constexpr uint16_t kSequential = 0, kCons = 1, kExternal = 2, kSliced = 3, kThin = 5;

constexpr uint64_t kStringLength = 12;
constexpr uint64_t kFirstCharacter = 16;
// Cons: the two halves; sliced: the whole, and where it begins there; thin: another; external: the resource, its bytes.
constexpr uint64_t kFirstPart = 16;
constexpr uint64_t kSecondPart = 24;

/// Strings within strings: names are made of a few, and hostile ones of themselves.
constexpr unsigned kMaxDepth = 48;
constexpr unsigned kMaxStrings = 512;
/// Those of strings, functions and what belongs to them are some thirty.
constexpr size_t kMaxMaps = 1024;
constexpr size_t kChunkBytes = 256 << 10;

}  // namespace

struct V8Heap::Walk {
  const std::function<void(Piece)>& take;
  std::vector<std::byte> chunk = {};
  unsigned strings_left = kMaxStrings;
};

std::optional<int32_t> V8Heap::Integer(uint64_t word) {
  if ((word & 0xffffffff) != 0) return std::nullopt;
  return static_cast<int32_t>(word >> 32);
}

std::optional<uint16_t> V8Heap::TypeOf(V8Object object) {
  if (!IsPointer(object)) return std::nullopt;
  const auto map = Field(object, 0);
  if (!map || !IsPointer(*map)) return std::nullopt;
  const auto known = map_types_.find(*map);
  if (known != map_types_.end()) return known->second;
  const auto type = TypeOfMap(*map);
  if (type && map_types_.size() < kMaxMaps) map_types_[*map] = *type;
  return type;
}

std::optional<uint16_t> V8Heap::TypeOfMap(V8Object map) {
  const auto type = memory_.At<uint16_t>(map - 1 + kMapInstanceType);
  const auto map_of_map = Field(map, 0);
  if (!type || !map_of_map || !IsPointer(*map_of_map)) return std::nullopt;
  if (memory_.At<uint16_t>(*map_of_map - 1 + kMapInstanceType) != layout_.map_type) {
    return std::nullopt;
  }
  return type;
}

bool V8Heap::IsString(V8Object object) {
  const auto type = TypeOf(object);
  return type && *type < kFirstNonstringType;
}

bool V8Heap::ForEachPiece(V8Object string, uint32_t from, uint32_t to,
                          const std::function<void(Piece)>& take) {
  Walk walk{.take = take};
  return Visit(walk, string, from, to, 0);
}

bool V8Heap::Visit(Walk& walk, V8Object string, uint32_t from, uint32_t to, unsigned depth) {
  if (from >= to) return true;
  if (depth > kMaxDepth || walk.strings_left == 0) return false;
  walk.strings_left--;
  const auto type = TypeOf(string);
  const auto length = memory_.At<uint32_t>(string - 1 + kStringLength);
  if (!type || *type >= kFirstNonstringType || !length || to > *length) return false;
  const bool wide = (*type & kOneByte) == 0;
  if ((*type & kRepresentation) == kSequential) {
    return Characters(walk, string - 1 + kFirstCharacter, wide, from, to);
  }
  const auto first = Field(string, kFirstPart);
  if (!first) return false;
  if ((*type & kRepresentation) == kThin) return Visit(walk, *first, from, to, depth + 1);
  const auto second = Field(string, kSecondPart);
  if (!second) return false;
  switch (*type & kRepresentation) {
    case kCons: {
      if (!IsPointer(*first)) return false;
      const auto left = memory_.At<uint32_t>(*first - 1 + kStringLength);
      if (!left) return false;
      return Visit(walk, *first, std::min(from, *left), std::min(to, *left), depth + 1) &&
             Visit(walk, *second, std::max(from, *left) - *left, std::max(to, *left) - *left,
                   depth + 1);
    }
    case kExternal:
      return (*type & kUncached) == 0 && Characters(walk, *second, wide, from, to);
    case kSliced: {
      const auto offset = Integer(*second);
      if (!offset || *offset < 0 || to > UINT32_MAX - static_cast<uint32_t>(*offset)) return false;
      const auto shift = static_cast<uint32_t>(*offset);
      return Visit(walk, *first, from + shift, to + shift, depth + 1);
    }
    default:
      return false;
  }
}

bool V8Heap::Characters(Walk& walk, uint64_t address, bool wide, uint32_t from, uint32_t to) {
  const uint64_t width = wide ? 2 : 1;
  const uint64_t end = uint64_t{to} * width;
  for (uint64_t at = uint64_t{from} * width; at < end;) {
    walk.chunk.resize(std::min<uint64_t>(end - at, kChunkBytes));
    if (!memory_.Read(address + at, walk.chunk)) return false;
    walk.take({.bytes = walk.chunk, .wide = wide});
    at += walk.chunk.size();
  }
  return true;
}

namespace {

/// Characters of a string, whichever width they have.
template <typename Take>
void ForEachCharacter(std::span<const std::byte> bytes, bool wide, Take&& take) {
  for (size_t at = 0; at + (wide ? 1 : 0) < bytes.size(); at += wide ? 2 : 1) {
    const auto low = static_cast<unsigned>(bytes[at]);
    take(static_cast<char16_t>(wide ? low | static_cast<unsigned>(bytes[at + 1]) << 8 : low));
  }
}

}  // namespace

std::string V8Heap::Text(V8Object string, size_t max_characters) {
  if (!IsString(string)) return {};
  const auto length = memory_.At<uint32_t>(string - 1 + kStringLength);
  if (!length) return {};
  const auto wanted = static_cast<uint32_t>(std::min<size_t>(*length, max_characters));
  std::u16string text;
  const bool read = ForEachPiece(string, 0, wanted, [&text](Piece piece) {
    ForEachCharacter(piece.bytes, piece.wide, [&text](char16_t next) { text.push_back(next); });
  });
  if (!read) return {};
  std::string utf8;
  for (size_t at = 0; at < text.size(); at++) {
    char32_t character = text[at];
    const bool high = character >= 0xd800 && character < 0xdc00;
    if (high && at + 1 < text.size() && text[at + 1] >= 0xdc00 && text[at + 1] < 0xe000) {
      character = 0x10000 + ((character - 0xd800) << 10) + (text[++at] - 0xdc00U);
    } else if (character >= 0xd800 && character < 0xe000) {
      character = 0xfffd;
    }
    AppendUtf8(IsPrintable(character) ? character : U'?', utf8);
  }
  return utf8;
}

std::optional<uint32_t> V8Heap::LineEndsBetween(V8Object string, uint32_t from, uint32_t to) {
  if (from >= to) return 0;
  uint32_t ends = 0;
  bool after_return = false;
  // The character before is none of them, but a line feed belongs to it where it is a return.
  bool counts = from == 0;
  const bool read = ForEachPiece(string, from - (counts ? 0 : 1), to, [&](Piece piece) {
    ForEachCharacter(piece.bytes, piece.wide, [&](char16_t next) {
      const bool pair = after_return && next == u'\n';
      after_return = next == u'\r';
      const bool is_end = next == u'\n' || next == u'\r' || next == u'\u2028' || next == u'\u2029';
      if (is_end && !pair && counts) ends++;
      counts = true;
    });
  });
  return read ? std::optional(ends) : std::nullopt;
}

}  // namespace sonde
