#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/symbols/target_file.h"

namespace sonde {

/// Where V8's objects have what is needed to name a function: byte offsets from an object's start, and the instance types
/// that tell what an object is. Read off the running releases, and compared with what each build says of itself.
struct V8Layout {
  // Instance types: Map::instance_type.
  uint16_t map_type = 0;
  uint16_t first_function_type = 0;
  uint16_t last_function_type = 0;
  uint16_t shared_type = 0;  ///< SharedFunctionInfo
  uint16_t script_type = 0;
  uint16_t scope_info_type = 0;
  uint16_t bytecode_array_type = 0;
  uint16_t code_type = 0;

  uint16_t function_shared = 0;
  uint16_t shared_name_or_scope_info = 0;
  uint16_t shared_script = 0;
  uint16_t code_data = 0;       ///< deoptimization data; of baseline code the bytecode
  uint16_t code_positions = 0;  ///< the source positions of its instructions
  uint16_t code_flags = 0;
  uint16_t code_size = 0;
  /// From an InstructionStream's start to its first instruction.
  uint16_t stream_header = 0;
  /// The SharedFunctionInfo's place in the deoptimization data, and whether it stands in a wrapper there.
  uint16_t deoptimization_shared = 0;
  /// The places of the inlined calls, and of what they refer to.
  uint16_t deoptimization_inlining = 0;
  uint16_t deoptimization_literals = 0;
  bool deoptimization_wraps_shared = false;
  /// CodeKind of baseline code; maglev and turbofan follow.
  uint16_t baseline_kind = 0;
  /// ScopeInfo: where the parts begin whose number varies, whether the positions stand before them, and the type of a
  /// module's scope, which has one more.
  uint16_t scope_variable_part = 0;
  bool scope_positions_first = false;
  uint16_t module_scope = 0;
};

/// What a file says of the V8 in it.
struct V8Image {
  /// `12.4`
  std::string version;
  /// Nothing where this version, or this build of it, is not known.
  std::optional<V8Layout> layout = {};
};
using V8ImagePtr = std::shared_ptr<const V8Image>;

/// nullptr where the file has no V8 that describes itself (the `v8dbg_` symbols of Node.js and its shared library). A few
/// reads for other files.
V8ImagePtr ReadV8Image(const TargetFile& file);

}  // namespace sonde
