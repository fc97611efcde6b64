#include "core/perf/window_sections.h"

#include <algorithm>
#include <string>

namespace sonde {
namespace {

template <typename Value>
Value At(std::span<const std::byte> bytes, size_t offset) {
  Value value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

}  // namespace

Result<WindowSections> WindowSections::Open(std::span<const std::byte> bytes) {
  const auto refused = [](std::string why) { return Error{EINVAL, "window buffer: " + why}; };
  if (bytes.size() < layout::kHeaderBytes) return refused("it has no header");
  const auto magic = At<uint32_t>(bytes, 0);
  const auto version = At<uint32_t>(bytes, 4);
  if (magic != layout::kMagic || version != layout::kVersion) {
    return refused("magic " + std::to_string(magic) + ", version " + std::to_string(version));
  }
  WindowSections sections(bytes);
  sections.count_ = At<uint32_t>(bytes, 8);
  if (sections.count_ > (bytes.size() - layout::kHeaderBytes) / layout::kSectionBytes) {
    return refused("its table is cut off");
  }
  return sections;
}

std::span<const std::byte> WindowSections::Find(uint32_t kind, uint32_t session,
                                                uint32_t width) const {
  for (uint32_t section = 0; section < count_; section++) {
    const size_t at = layout::kHeaderBytes + size_t{section} * layout::kSectionBytes;
    if (At<uint32_t>(bytes_, at) != kind || At<uint32_t>(bytes_, at + 4) != session) continue;
    const auto offset = At<uint64_t>(bytes_, at + 8);
    const auto count = At<uint64_t>(bytes_, at + 16);
    if (offset > bytes_.size() || offset % 8 != 0) return {};
    return bytes_.subspan(offset, std::min(count, (bytes_.size() - offset) / width) * width);
  }
  return {};
}

}  // namespace sonde
