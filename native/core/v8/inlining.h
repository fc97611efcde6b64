#pragma once

#include <cstdint>
#include <vector>

#include "core/v8/code.h"
#include "core/v8/heap.h"

namespace sonde {

/// Which inlined function each stretch of optimised code belongs to: V8 notes a source position where instructions begin
/// that another one is the reason of, and that position says in which inlined call it lies.
class V8InlinedCode {
 public:
  /// Empty where the code has no positions that can be read: then nothing in it is known to be inlined.
  static V8InlinedCode Read(V8Heap& heap, const V8Code& code);

  /// The number of the inlined call that the instruction at `address` belongs to; 0: it is not inlined.
  uint32_t CallAt(const V8Code& code, uint64_t address) const;
  /// The functions (SharedFunctionInfo) that a call was inlined from, innermost first, without the one that the code was
  /// made of. Empty where it cannot be told.
  static std::vector<V8Object> FunctionsOf(V8Heap& heap, const V8Code& code, uint32_t call);

  size_t bytes() const { return stretches_.size() * sizeof(Stretch); }

 private:
  struct Stretch {
    /// Of its first instruction in the code.
    uint32_t offset = 0;
    /// Number of the inlined call, from 1; 0: it is not inlined.
    uint32_t call = 0;
  };

  std::vector<Stretch> stretches_;
};

}  // namespace sonde
