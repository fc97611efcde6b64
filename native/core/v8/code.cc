#include "core/v8/code.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace sonde {
namespace {

// Alike in all releases.
constexpr uint64_t kCodeStream = 32;
constexpr uint64_t kCodeStart = 40;
constexpr uint64_t kStreamCode = 8;
constexpr uint32_t kKindMask = 15;

/// V8 aligns the first instruction to 64 bytes on x86-64, to 32 at least elsewhere.
constexpr uint64_t kAlignment = 32;
constexpr uint64_t kPage = 4096;
constexpr uint64_t kBlock = 4 * kPage;
/// Longer code is rare, and then not found.
constexpr uint64_t kMaxDistance = 1 << 20;
constexpr uint64_t kMaxCode = 16 << 20;
/// Places that look like a header, of which at most one is.
constexpr unsigned kMaxCandidates = 64;

/// A Code object as far as it is read.
using CodeBytes = std::array<std::byte, 64>;

template <typename Value>
Value At(const CodeBytes& bytes, size_t offset) {
  Value value = {};
  if (offset + sizeof(value) <= bytes.size()) {
    std::memcpy(&value, bytes.data() + offset, sizeof(value));
  }
  return value;
}

/// Goes down from an address to the header in front of its code.
class HeaderSearch {
 public:
  HeaderSearch(V8Heap& heap, uint64_t address) : heap_(heap), address_(address) {}

  std::optional<V8Code> Run() {
    uint64_t end = address_ + 1;
    uint64_t begin = address_ & ~(kPage - 1);
    const uint64_t lowest = address_ > kMaxDistance ? address_ - kMaxDistance : 0;
    while (end > lowest && !over_) {
      if (!Load(begin, end) && !Load(begin = (end - 1) & ~(kPage - 1), end)) return std::nullopt;
      const auto found = InBlock();
      if (found) return found;
      end = begin;
      begin = end > kBlock ? end - kBlock : 0;
    }
    return std::nullopt;
  }

 private:
  bool Load(uint64_t begin, uint64_t end) {
    begin_ = begin;
    bytes_.resize(end - begin);
    return heap_.memory().Read(begin, bytes_);
  }

  std::optional<V8Code> InBlock() {
    const uint64_t last = begin_ + bytes_.size() - 1;
    for (uint64_t start = last & ~(kAlignment - 1); start >= begin_; start -= kAlignment) {
      const auto code = BehindHeader(start);
      if (!code && start < kAlignment) break;
      if (!code) continue;
      over_ = true;
      return code->Covers(address_) ? code : std::nullopt;
    }
    return std::nullopt;
  }

  /// The code whose first instruction stands at `start`.
  std::optional<V8Code> BehindHeader(uint64_t start) {
    const uint64_t header = start - heap_.layout().stream_header;
    const auto map = Word(header);
    const auto object = map && V8Heap::IsPointer(*map) ? Word(header + kStreamCode) : std::nullopt;
    if (!object || !V8Heap::IsPointer(*object)) return std::nullopt;
    if (candidates_left_ == 0) over_ = true;
    if (over_) return std::nullopt;
    candidates_left_--;
    const auto code = ReadCode(heap_, *object);
    return code && code->start == start ? code : std::nullopt;
  }

  std::optional<uint64_t> Word(uint64_t address) {
    if (address < begin_) return heap_.memory().At<uint64_t>(address);
    if (address - begin_ + sizeof(uint64_t) > bytes_.size()) return std::nullopt;
    uint64_t word;
    std::memcpy(&word, bytes_.data() + (address - begin_), sizeof(word));
    return word;
  }

  V8Heap& heap_;
  const uint64_t address_;
  uint64_t begin_ = 0;
  std::vector<std::byte> bytes_;
  unsigned candidates_left_ = kMaxCandidates;
  bool over_ = false;
};

}  // namespace

std::optional<V8Code> ReadCode(V8Heap& heap, V8Object object) {
  const V8Layout& layout = heap.layout();
  if (!heap.Is(object, layout.code_type)) return std::nullopt;
  const auto bytes = heap.memory().At<CodeBytes>(object - 1);
  if (!bytes) return std::nullopt;
  const auto start = At<uint64_t>(*bytes, kCodeStart);
  const auto stream = At<uint64_t>(*bytes, kCodeStream);
  const auto size = At<uint32_t>(*bytes, layout.code_size);
  const auto flags = At<uint32_t>(*bytes, layout.code_flags);
  const bool sound = V8Heap::IsPointer(stream) && stream - 1 + layout.stream_header == start &&
                     size > 0 && size <= kMaxCode;
  if (!sound || heap.Field(stream, kStreamCode) != object) return std::nullopt;
  return V8Code{.object = object,
                .start = start,
                .size = size,
                .kind = static_cast<uint16_t>(flags & kKindMask),
                .data = At<uint64_t>(*bytes, layout.code_data),
                .positions = At<uint64_t>(*bytes, layout.code_positions)};
}

std::optional<V8Code> FindCode(V8Heap& heap, uint64_t address) {
  return HeaderSearch(heap, address).Run();
}

}  // namespace sonde
