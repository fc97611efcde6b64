#pragma once

#include <cstdint>
#include <optional>

#include "core/v8/heap.h"

namespace sonde {

/// A Code object: what V8 knows of a stretch of instructions.
struct V8Code {
  V8Object object = 0;
  uint64_t start = 0;
  uint64_t size = 0;
  /// CodeKind
  uint16_t kind = 0;
  /// Deoptimization data of optimised code; the bytecode of baseline code.
  V8Object data = 0;
  V8Object positions = 0;

  bool Covers(uint64_t address) const { return address >= start && address - start < size; }
  bool operator==(const V8Code&) const = default;
};

/// Nothing where `object` is no Code with instructions of its own that know it.
std::optional<V8Code> ReadCode(V8Heap& heap, V8Object object);

/// The Code whose instructions `address` lies among: instructions stand behind a header that leads to it.
std::optional<V8Code> FindCode(V8Heap& heap, uint64_t address);

}  // namespace sonde
