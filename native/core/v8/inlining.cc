#include "core/v8/inlining.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

namespace sonde {
namespace {

// Arrays of bytes and of objects alike.
constexpr uint64_t kLength = 8;
constexpr uint64_t kElements = 16;

/// Of code of a megabyte; two bytes and more for each stretch.
constexpr int32_t kMaxTableBytes = 256 << 10;
/// V8 inlines some ten calls deep.
constexpr size_t kMaxInlinedDepth = 64;
constexpr uint64_t kInliningPositionBytes = 16;

/// The call that a source position lies in: bits 31 to 46.
uint32_t CallOf(uint64_t position) { return static_cast<uint32_t>(position >> 31 & 0xffff); }

/// Signed numbers of seven bits a byte, the sign in the lowest bit.
class DeltaReader {
 public:
  explicit DeltaReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool AtEnd() const { return bytes_.empty(); }
  std::optional<int64_t> Next() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !bytes_.empty(); shift += 7) {
      const auto byte = static_cast<uint64_t>(bytes_.front());
      bytes_ = bytes_.subspan(1);
      value |= (byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return static_cast<int64_t>(value >> 1 ^ (~(value & 1) + 1));
    }
    return std::nullopt;
  }

 private:
  std::span<const std::byte> bytes_;
};

std::optional<int32_t> LengthOf(V8Heap& heap, V8Object array) {
  const auto word = heap.Field(array, kLength);
  return word ? V8Heap::Integer(*word) : std::nullopt;
}

V8Object DeoptimizationEntry(V8Heap& heap, const V8Code& code, uint64_t index) {
  return heap.Field(code.data, kElements + index * 8).value_or(0);
}

}  // namespace

V8InlinedCode V8InlinedCode::Read(V8Heap& heap, const V8Code& code) {
  V8InlinedCode inlined;
  if (!V8Heap::IsPointer(code.positions)) return inlined;
  const auto length = LengthOf(heap, code.positions);
  if (!length || *length <= 0 || *length > kMaxTableBytes) return inlined;
  std::vector<std::byte> table(static_cast<size_t>(*length));
  if (!heap.memory().Read(code.positions - 1 + kElements, table)) return inlined;
  DeltaReader deltas(table);
  uint64_t offset = 0;
  uint64_t position = 0;
  uint32_t call = 0;
  while (!deltas.AtEnd()) {
    const auto step = deltas.Next();
    const auto change = step ? deltas.Next() : std::nullopt;
    if (!change) return {};
    // Positions that are no statement's have the complement.
    offset += static_cast<uint64_t>(*step >= 0 ? *step : -(*step + 1));
    position += static_cast<uint64_t>(*change);
    if (offset > code.size) return {};
    if (CallOf(position) == call) continue;
    call = CallOf(position);
    inlined.stretches_.push_back({.offset = static_cast<uint32_t>(offset), .call = call});
  }
  inlined.stretches_.shrink_to_fit();
  return inlined;
}

uint32_t V8InlinedCode::CallAt(const V8Code& code, uint64_t address) const {
  const auto behind = std::ranges::upper_bound(stretches_, address - code.start, {},
                                               [](const Stretch& it) { return it.offset; });
  return behind == stretches_.begin() ? 0 : std::prev(behind)->call;
}

std::vector<V8Object> V8InlinedCode::FunctionsOf(V8Heap& heap, const V8Code& code, uint32_t call) {
  std::vector<V8Object> functions;
  const V8Object calls = DeoptimizationEntry(heap, code, heap.layout().deoptimization_inlining);
  const V8Object literals = DeoptimizationEntry(heap, code, heap.layout().deoptimization_literals);
  if (!V8Heap::IsPointer(calls) || !V8Heap::IsPointer(literals)) return {};
  const int64_t bytes = LengthOf(heap, calls).value_or(0);
  const int64_t literal_count = LengthOf(heap, literals).value_or(0);
  while (call != 0 && functions.size() < kMaxInlinedDepth) {
    const uint64_t at = uint64_t{call - 1} * kInliningPositionBytes;
    if (static_cast<int64_t>(at + kInliningPositionBytes) > bytes) return {};
    const auto inlining = heap.memory().At<std::array<uint64_t, 2>>(calls - 1 + kElements + at);
    if (!inlining) return {};
    const auto function = static_cast<uint32_t>((*inlining)[1]);
    if (function >= literal_count) return {};
    const uint64_t word = heap.Field(literals, kElements + uint64_t{function} * 8).value_or(0);
    // Literals are held weakly.
    const V8Object shared = word & ~uint64_t{2};
    if (!heap.Is(shared, heap.layout().shared_type)) return {};
    functions.push_back(shared);
    const uint32_t outer = CallOf((*inlining)[0]);
    // A call lies in one that was inlined before it.
    if (outer >= call) return {};
    call = outer;
  }
  return functions;
}

}  // namespace sonde
