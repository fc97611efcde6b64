#include "core/v8/layout.h"

#include <span>
#include <vector>

#include "core/symbols/dynamic_symbols.h"
#include "core/symbols/elf_headers.h"

namespace sonde {
namespace {

/// Typed array constructors and the like are functions, too.
constexpr uint16_t kFunctionTypes = 16;

/// A constant that a build states about itself, and what it must be.
struct Expected {
  const char* name;
  int32_t value;
};

/// No pointer compression, no sandbox; frames and objects that all three releases have alike.
constexpr Expected kCommon[] = {
    {"TaggedSize", 8},
    {"SmiShiftSize", 31},
    {"SmiValueShift", 1},
    {"HeapObjectTag", 1},
    {"off_fp_context", -8},
    {"off_fp_function", -16},
    {"off_fp_bytecode_array", -32},
    {"off_fp_bytecode_offset", -40},
    {"StringEncodingMask", 8},
    {"StringRepresentationMask", 7},
    {"ConsStringTag", 1},
    {"ExternalStringTag", 2},
    {"SlicedStringTag", 3},
    {"ThinStringTag", 5},
    {"FirstNonstringType", 128},
    {"CodeKindFieldMask", 15},
    {"class_Map__instance_type__uint16_t", 12},
    {"class_String__length__int32_t", 12},
    {"class_SeqOneByteString__chars__char", 16},
    {"class_ConsString__first__String", 16},
    {"class_ConsString__second__String", 24},
    {"class_SlicedString__offset__SMI", 24},
    {"class_ExternalString__resource__Object", 16},
    {"class_FixedArrayBase__length__SMI", 8},
    {"class_Script__source__Object", 8},
    {"class_Script__name__Object", 16},
    {"class_Script__line_ends__Object", 56},
    {"scopeinfo_idx_ncontextlocals", 2},
};

constexpr Expected kExpected11[] = {
    {"class_JSFunction__shared__SharedFunctionInfo", 24},
    {"class_SharedFunctionInfo__name_or_scope_info__Object", 16},
    {"class_SharedFunctionInfo__script_or_debug_info__HeapObject", 32},
    {"class_Code__deoptimization_data__FixedArray", 16},
    {"DeoptimizationDataSharedFunctionInfoIndex", 6},
    {"DeoptimizationDataInliningPositionsIndex", 7},
    {"DeoptimizationDataLiteralArrayIndex", 2},
    {"scopeinfo_idx_first_vars", 3},
    {"CodeKindBaseline", 11},
};
constexpr Expected kExpected12[] = {
    {"class_JSFunction__shared__SharedFunctionInfo", 32},
    {"class_SharedFunctionInfo__name_or_scope_info__Tagged_Object_", 16},
    {"class_SharedFunctionInfo__script__Tagged_HeapObject_", 32},
    {"class_Code__instruction_stream__Tagged_InstructionStream_", 32},
    {"class_Code__instruction_start__Address", 40},
    {"class_Code__flags__uint32_t", 48},
    {"class_Code__instruction_size__int", 52},
    {"DeoptimizationDataSharedFunctionInfoIndex", 6},
    {"DeoptimizationDataInliningPositionsIndex", 7},
    {"DeoptimizationDataLiteralArrayIndex", 2},
    {"scopeinfo_idx_first_vars", 3},
    {"CodeKindBaseline", 10},
};
constexpr Expected kExpected13[] = {
    {"class_JSFunction__shared__SharedFunctionInfo", 32},
    {"class_SharedFunctionInfo__name_or_scope_info__Tagged_NameOrScopeInfoT_", 24},
    {"class_SharedFunctionInfo__script__Tagged_HeapObject_", 40},
    {"class_SharedFunctionInfoWrapper__shared_info__Tagged_SharedFunctionInfo_", 8},
    {"class_Code__instruction_stream__Tagged_InstructionStream_", 32},
    {"class_Code__instruction_start__Address", 40},
    {"class_Code__flags__uint32_t", 52},
    {"class_Code__instruction_size__int", 56},
    {"DeoptimizationDataWrappedSharedFunctionInfoIndex", 7},
    {"DeoptimizationDataInliningPositionsIndex", 8},
    {"DeoptimizationDataLiteralArrayIndex", 3},
    {"scopeinfo_idx_first_vars", 5},
    {"CodeKindBaseline", 10},
};

/// A release line: what Node.js has, what its builds must say, and its layout without instance types.
struct Release {
  int32_t major, minor;
  std::span<const Expected> expected;
  V8Layout layout;
};

/// Node.js 20, 22 and 24.
const Release kReleases[] = {
    {.major = 11,
     .minor = 3,
     .expected = kExpected11,
     .layout = {.function_shared = 24,
                .shared_name_or_scope_info = 16,
                .shared_script = 32,
                .code_data = 16,
                .code_positions = 24,
                .code_flags = 48,
                .code_size = 56,
                .stream_header = 16,
                .deoptimization_shared = 6,
                .deoptimization_inlining = 7,
                .deoptimization_literals = 2,
                .baseline_kind = 11,
                .scope_variable_part = 32,
                .module_scope = 3}},
    {.major = 12,
     .minor = 4,
     .expected = kExpected12,
     .layout = {.function_shared = 32,
                .shared_name_or_scope_info = 16,
                .shared_script = 32,
                .code_data = 8,
                .code_positions = 16,
                .code_flags = 48,
                .code_size = 52,
                .stream_header = 32,
                .deoptimization_shared = 6,
                .deoptimization_inlining = 7,
                .deoptimization_literals = 2,
                .baseline_kind = 10,
                .scope_variable_part = 32,
                .module_scope = 3}},
    {.major = 13,
     .minor = 6,
     .expected = kExpected13,
     .layout = {.function_shared = 32,
                .shared_name_or_scope_info = 24,
                .shared_script = 40,
                .code_data = 8,
                .code_positions = 16,
                .code_flags = 52,
                .code_size = 56,
                .stream_header = 32,
                .deoptimization_shared = 7,
                .deoptimization_inlining = 8,
                .deoptimization_literals = 3,
                .deoptimization_wraps_shared = true,
                .baseline_kind = 10,
                .scope_variable_part = 48,
                .scope_positions_first = true,
                .module_scope = 5}},
};

bool Says(const DynamicSymbols& symbols, std::span<const Expected> expected) {
  for (const auto& [name, value] : expected) {
    if (symbols.Constant(std::string("v8dbg_") + name) != value) return false;
  }
  return true;
}

/// Instance types differ between builds of one release.
bool ReadTypes(const DynamicSymbols& symbols, V8Layout& layout) {
  const auto read = [&symbols](const char* name, uint16_t& into) {
    const auto value = symbols.Constant(std::string("v8dbg_type_") + name);
    into = static_cast<uint16_t>(value.value_or(0));
    return into != 0;
  };
  const bool all = read("Map__MAP_TYPE", layout.map_type) &&
                   read("JSFunction__JS_FUNCTION_TYPE", layout.first_function_type) &&
                   read("SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE", layout.shared_type) &&
                   read("Script__SCRIPT_TYPE", layout.script_type) &&
                   read("ScopeInfo__SCOPE_INFO_TYPE", layout.scope_info_type) &&
                   read("BytecodeArray__BYTECODE_ARRAY_TYPE", layout.bytecode_array_type) &&
                   read("Code__CODE_TYPE", layout.code_type);
  layout.last_function_type = static_cast<uint16_t>(layout.first_function_type + kFunctionTypes);
  return all;
}

std::optional<V8Layout> LayoutOf(const DynamicSymbols& symbols, int32_t major, int32_t minor) {
  for (const Release& release : kReleases) {
    if (release.major != major || release.minor != minor) continue;
    if (!Says(symbols, kCommon) || !Says(symbols, release.expected)) return std::nullopt;
    V8Layout layout = release.layout;
    if (!ReadTypes(symbols, layout)) return std::nullopt;
    return layout;
  }
  return std::nullopt;
}

}  // namespace

V8ImagePtr ReadV8Image(const TargetFile& file) {
  const auto headers = ElfHeaders::Read(file);
  if (!headers || !headers->is_64_bit) return nullptr;
  auto sections = ReadElfSections(file, *headers);
  if (!sections) return nullptr;
  const auto symbols = DynamicSymbols::Open(file, std::move(*sections));
  if (!symbols || !symbols->Constant("v8dbg_HeapObjectTag")) return nullptr;
  const auto major = symbols->Constant("_ZN2v88internal7Version6major_E");
  const auto minor = symbols->Constant("_ZN2v88internal7Version6minor_E");
  V8Image image;
  if (major && minor) {
    image.version = std::to_string(*major) + "." + std::to_string(*minor);
    image.layout = LayoutOf(*symbols, *major, *minor);
  }
  return std::make_shared<const V8Image>(std::move(image));
}

}  // namespace sonde
