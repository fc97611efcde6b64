#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "core/v8/layout.h"
#include "core/v8/memory.h"

namespace sonde {

/// A tagged pointer to an object of V8's heap; not necessarily a true one.
using V8Object = uint64_t;

/// Looks at the objects of a heap that goes on changing. Every answer is of an object whose map says that it is what it is
/// taken for.
class V8Heap {
 public:
  V8Heap(TargetMemory& memory, const V8Layout& layout) : memory_(memory), layout_(layout) {}

  const V8Layout& layout() const { return layout_; }
  BoundedMemory& memory() { return memory_; }

  static bool IsPointer(uint64_t word) { return (word & 3) == 1 && word >> 47 == 0 && word > 4096; }
  /// Small integers stand in the upper half of a word.
  static std::optional<int32_t> Integer(uint64_t word);

  /// The word at `offset` of an object.
  std::optional<uint64_t> Field(V8Object object, uint64_t offset) {
    return memory_.At<uint64_t>(object - 1 + offset);
  }
  /// Map::instance_type; nothing where it is no object.
  std::optional<uint16_t> TypeOf(V8Object object);
  /// Maps are looked at once until this is called: they may be freed, too.
  void ForgetMaps() { map_types_.clear(); }
  bool Is(V8Object object, uint16_t type) { return TypeOf(object) == type; }
  bool IsString(V8Object object);

  /// A string as printable text; '' for what is none. At most `max_characters` of it.
  std::string Text(V8Object string, size_t max_characters);

  /// How many lines end with the characters [from, to) of a string. Nothing where the text cannot be read.
  std::optional<uint32_t> LineEndsBetween(V8Object string, uint32_t from, uint32_t to);

 private:
  /// Characters of one piece of a string, in order: Latin-1 or UTF-16.
  struct Piece {
    std::span<const std::byte> bytes = {};
    bool wide = false;
  };
  struct Walk;

  /// Calls `take` for the pieces of the characters [from, to). False where one of them cannot be read.
  bool ForEachPiece(V8Object string, uint32_t from, uint32_t to,
                    const std::function<void(Piece)>& take);
  bool Visit(Walk& walk, V8Object string, uint32_t from, uint32_t to, unsigned depth);
  bool Characters(Walk& walk, uint64_t address, bool wide, uint32_t from, uint32_t to);

  std::optional<uint16_t> TypeOfMap(V8Object map);

  BoundedMemory memory_;
  const V8Layout& layout_;
  std::unordered_map<V8Object, uint16_t> map_types_;
};

}  // namespace sonde
