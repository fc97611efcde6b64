// Reads a window buffer back, section by section.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/perf/window_layout.h"

namespace sonde::test {

class WindowView {
 public:
  explicit WindowView(std::span<const std::byte> bytes) : bytes_(bytes) {}

  /// The elements of a section; empty where the window has none.
  template <typename Value>
  std::vector<Value> Column(layout::Section wanted, uint32_t session = layout::kShared) const {
    const auto sections = Load<uint32_t>(8);
    for (uint32_t section = 0; section < sections; section++) {
      const size_t at = layout::kHeaderBytes + section * layout::kSectionBytes;
      if (Load<uint32_t>(at) != wanted.kind || Load<uint32_t>(at + 4) != session) continue;
      std::vector<Value> values(Load<uint64_t>(at + 16));
      std::copy_n(bytes_.begin() + static_cast<ptrdiff_t>(Load<uint64_t>(at + 8)),
                  values.size() * sizeof(Value), reinterpret_cast<std::byte*>(values.data()));
      return values;
    }
    return {};
  }

  std::string Text(uint32_t number) const {
    const auto offsets = Column<uint32_t>(layout::kStringOffsets);
    const auto letters = Column<char>(layout::kStringBytes);
    return {letters.begin() + offsets[number], letters.begin() + offsets[number + 1]};
  }

  /// The path of the mapping in which a sample's leaf lies; the kernel's is ''.
  std::string LeafImage(uint32_t stack) const {
    const auto first = Column<uint32_t>(layout::kStackOffsets)[stack];
    const auto frame = Column<uint32_t>(layout::kStackFrames)[first];
    if (Column<uint8_t>(layout::kFrameKind)[frame] != static_cast<uint8_t>(FrameKind::kNative)) {
      return "";
    }
    const auto mapping = Column<uint32_t>(layout::kFrameMapping)[frame];
    const auto image = Column<uint32_t>(layout::kMappingImage)[mapping];
    return Text(Column<uint32_t>(layout::kImagePath)[image]);
  }

 private:
  template <typename Value>
  Value Load(size_t at) const {
    Value value;
    std::memcpy(&value, bytes_.data() + at, sizeof(value));
    return value;
  }

  std::span<const std::byte> bytes_;
};

}  // namespace sonde::test
