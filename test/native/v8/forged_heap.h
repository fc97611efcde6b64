// A heap of V8's in a few kilobytes, as a test wants it: objects with maps, strings, functions in their tiers.
#pragma once

#include <cstring>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "core/v8/frame_namer.h"

namespace sonde::test {

/// As Node.js 22 has it.
inline V8Layout LayoutOfNode22() {
  return {.map_type = 264,
          .first_function_type = 2066,
          .last_function_type = 2082,
          .shared_type = 274,
          .script_type = 167,
          .scope_info_type = 272,
          .bytecode_array_type = 205,
          .code_type = 206,
          .function_shared = 32,
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
          .module_scope = 3};
}

inline constexpr uint64_t kArrayType = 186;
inline constexpr uint64_t kOtherType = 200;
inline constexpr uint16_t kRegExpKind = 3;
inline constexpr uint16_t kBaselineKind = 10;
inline constexpr uint16_t kTurbofanKind = 12;

class ForgedHeap final : public TargetMemory {
 public:
  static constexpr uint64_t kBase = 0x10'0000;

  ForgedHeap() { map_of_maps_ = MapOf(layout.map_type); }

  bool Read(uint64_t address, std::span<std::byte> into) override {
    reads++;
    if (address < kBase || address - kBase > bytes_.size() ||
        into.size() > bytes_.size() - (address - kBase)) {
      return false;
    }
    std::memcpy(into.data(), bytes_.data() + (address - kBase), into.size());
    return true;
  }

  template <typename Value>
  void Put(uint64_t address, Value value) {
    std::memcpy(bytes_.data() + (address - kBase), &value, sizeof(value));
  }
  void PutField(V8Object object, uint64_t offset, uint64_t word) { Put(object - 1 + offset, word); }
  static uint64_t Smi(int64_t value) { return static_cast<uint64_t>(value) << 32; }

  /// So many bytes from a multiple of 64.
  uint64_t Allocate(size_t size) {
    const uint64_t address = kBase + bytes_.size();
    bytes_.resize(bytes_.size() + ((size + 63) & ~size_t{63}));
    return address;
  }

  /// `fields`: the words behind the map.
  V8Object Object(uint64_t type, const std::vector<uint64_t>& fields, size_t more_bytes = 0) {
    const V8Object object = Allocate(8 + fields.size() * 8 + more_bytes) + 1;
    PutField(object, 0, MapOf(type));
    for (size_t i = 0; i < fields.size(); i++) PutField(object, 8 + i * 8, fields[i]);
    return object;
  }

  V8Object Text(const std::string& text) {
    const V8Object string = Object(40, {uint64_t{text.size()} << 32}, text.size());
    std::memcpy(bytes_.data() + (string - 1 + 16 - kBase), text.data(), text.size());
    return string;
  }
  V8Object WideText(const std::u16string& text) {
    const V8Object string = Object(32, {uint64_t{text.size()} << 32}, text.size() * 2);
    std::memcpy(bytes_.data() + (string - 1 + 16 - kBase), text.data(), text.size() * 2);
    return string;
  }
  /// A string of strings: cons (33), external (34), sliced (35), thin (37); + 8 for one byte a character.
  V8Object Compound(uint64_t type, uint32_t length, uint64_t first, uint64_t second = 0) {
    return Object(type, {uint64_t{length} << 32, first, second});
  }
  V8Object Bytes(const std::vector<uint8_t>& bytes) {
    const V8Object array =
        Object(kArrayType, {Smi(static_cast<int64_t>(bytes.size()))}, bytes.size());
    std::memcpy(bytes_.data() + (array - 1 + 16 - kBase), bytes.data(), bytes.size());
    return array;
  }
  V8Object Array(const std::vector<uint64_t>& elements) {
    std::vector<uint64_t> fields = {Smi(static_cast<int64_t>(elements.size()))};
    fields.insert(fields.end(), elements.begin(), elements.end());
    return Object(kArrayType, fields);
  }

  V8Object Script(V8Object name, V8Object source) {
    return Object(layout.script_type, {source, name, Smi(0), Smi(0), Smi(1), Smi(2), Smi(0), Smi(1),
                                       Smi(0), Smi(0), Smi(0), Smi(0), Smi(0), Smi(0)});
  }
  V8Object ScopeInfo(V8Object name, V8Object inferred, int32_t position) {
    return Object(layout.scope_info_type, {Smi(1 << 12 | 1 << 14 | 2), Smi(0), Smi(0), name,
                                           Smi(-1), inferred, Smi(position), Smi(position + 10)});
  }
  V8Object Shared(V8Object data, V8Object scope_info, V8Object script) {
    return Object(layout.shared_type, {data, scope_info, Smi(0), script, 0, 0});
  }
  V8Object Bytecode() { return Object(layout.bytecode_array_type, {Smi(4), 0}); }
  V8Object Function(V8Object shared) {
    return Object(layout.first_function_type, {Smi(0), Smi(0), Smi(0), shared, Smi(0)});
  }
  V8Object Optimized(V8Object shared, V8Object calls = 0, V8Object literals = 0) {
    return Array({Smi(0), Smi(0), literals, Smi(0), Smi(0), Smi(0), shared, calls});
  }
  /// A Code with so many bytes of instructions, which are 0x90.
  V8Object Code(uint16_t kind, uint32_t size, V8Object data, V8Object positions = 0) {
    const uint64_t stream = Allocate(layout.stream_header + size);
    const uint64_t start = stream + layout.stream_header;
    for (uint32_t i = 0; i < size; i++) Put(start + i, uint8_t{0x90});
    const V8Object code = Object(
        layout.code_type, {data, positions, 0, stream + 1, start, kind | uint64_t{size} << 32});
    Put(stream, MapOf(kOtherType));
    Put(stream + 8, code);
    return code;
  }
  uint64_t StartOf(V8Object code) {
    uint64_t start = 0;
    Read(code - 1 + 40, std::as_writable_bytes(std::span(&start, 1)));
    return start;
  }

  size_t size() const { return bytes_.size(); }
  std::span<const std::byte> bytes() const { return bytes_; }
  V8Layout layout = LayoutOfNode22();
  unsigned reads = 0;

 private:
  V8Object MapOf(uint64_t type) {
    const auto known = maps_.find(type);
    if (known != maps_.end()) return known->second;
    const V8Object map = Allocate(64) + 1;
    maps_[type] = map;
    if (map_of_maps_ == 0) map_of_maps_ = map;
    PutField(map, 0, map_of_maps_);
    Put(map - 1 + 12, static_cast<uint16_t>(type));
    return map;
  }

  std::vector<std::byte> bytes_;
  std::map<uint64_t, V8Object> maps_;
  V8Object map_of_maps_ = 0;
};

}  // namespace sonde::test
