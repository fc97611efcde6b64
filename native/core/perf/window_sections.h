#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "core/base/result.h"
#include "core/perf/window_layout.h"

namespace sonde {

/// Reads a window buffer in place. The bytes must live as long as it and what it hands out.
class WindowSections {
 public:
  /// EINVAL where `bytes` is not a window buffer of this version.
  static Result<WindowSections> Open(std::span<const std::byte> bytes);

  /// The elements of a section, as far as they lie in the buffer; empty where the window has none such.
  template <typename Value>
  std::span<const Value> Read(layout::Section section, uint32_t session = layout::kShared) const {
    const std::span<const std::byte> found = Find(section.kind, session, section.width);
    return {reinterpret_cast<const Value*>(found.data()), found.size() / sizeof(Value)};
  }

 private:
  explicit WindowSections(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> Find(uint32_t kind, uint32_t session, uint32_t width) const;

  std::span<const std::byte> bytes_;
  uint32_t count_ = 0;
};

}  // namespace sonde
