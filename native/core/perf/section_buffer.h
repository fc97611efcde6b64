#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "core/perf/window_layout.h"

namespace sonde {

/// Lays out a window buffer: first every section is announced, then the buffer is made, then the sections are filled.
class SectionBuffer {
 public:
  /// A place for `count` elements. Returns the section's number.
  size_t Announce(layout::Section section, uint32_t session, uint64_t count);
  /// Announces a section of these elements, which are copied when the buffer is made and must live until then.
  template <typename Value>
  void Add(layout::Section section, uint32_t session, const std::vector<Value>& values);

  void Make();
  /// The elements of an announced section, to be filled. After Make.
  template <typename Value>
  std::span<Value> Fill(size_t section);
  std::vector<std::byte> Take() { return std::move(bytes_); }

 private:
  struct Entry {
    layout::Section section;
    uint32_t session = 0;
    uint64_t offset = 0;
    uint64_t count = 0;
    const void* source = nullptr;
  };

  void Put(size_t at, const void* from, size_t size) {
    if (size != 0) std::memcpy(bytes_.data() + at, from, size);
  }

  std::vector<Entry> entries_;
  std::vector<std::byte> bytes_;
};

template <typename Value>
void SectionBuffer::Add(layout::Section section, uint32_t session,
                        const std::vector<Value>& values) {
  const size_t number = Announce({section.kind, sizeof(Value)}, session, values.size());
  entries_[number].source = values.data();
}

template <typename Value>
std::span<Value> SectionBuffer::Fill(size_t section) {
  const Entry& entry = entries_[section];
  return {reinterpret_cast<Value*>(bytes_.data() + entry.offset), entry.count};
}

}  // namespace sonde
