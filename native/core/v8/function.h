#pragma once

#include <cstdint>
#include <string>

#include "core/v8/heap.h"
#include "core/v8/lines.h"

namespace sonde {

/// A function of JavaScript as its source has it.
struct V8Function {
  /// `(anonymous)` where it has none, as V8's own profiles say it.
  std::string name;
  /// A path; the URL of what comes from elsewhere; '' of code that came from no file.
  std::string file;
  /// Of its definition, from 1; 0 where it is not known.
  uint32_t line = 0;

  bool operator==(const V8Function&) const = default;
};

/// What stands in a SharedFunctionInfo: one per function in a source, whatever number of closures is made of it. Two that
/// lay at one address one after the other differ in what stands there.
struct V8Shared {
  V8Object name_or_scope_info = 0;
  V8Object script = 0;

  bool operator==(const V8Shared&) const = default;
};

/// Nothing where `shared` is no SharedFunctionInfo.
std::optional<V8Shared> ReadShared(V8Heap& heap, V8Object shared);
/// Nothing where what it speaks of is not what it should be.
std::optional<V8Function> Describe(V8Heap& heap, const V8Shared& shared, V8Lines& lines);

}  // namespace sonde
