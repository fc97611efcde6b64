#include "core/perf/section_buffer.h"

namespace sonde {
namespace {

constexpr uint64_t Aligned(uint64_t size) { return (size + 7) & ~uint64_t{7}; }

}  // namespace

size_t SectionBuffer::Announce(layout::Section section, uint32_t session, uint64_t count) {
  entries_.push_back({.section = section, .session = session, .count = count});
  return entries_.size() - 1;
}

void SectionBuffer::Make() {
  uint64_t size = Aligned(layout::kHeaderBytes + entries_.size() * layout::kSectionBytes);
  for (Entry& entry : entries_) {
    entry.offset = size;
    size += Aligned(entry.count * entry.section.width);
  }
  bytes_.resize(size);
  const uint32_t header[] = {layout::kMagic, layout::kVersion,
                             static_cast<uint32_t>(entries_.size()), 0};
  Put(0, header, sizeof(header));
  size_t at = layout::kHeaderBytes;
  for (const Entry& entry : entries_) {
    Put(at, &entry.section.kind, 4);
    Put(at + 4, &entry.session, 4);
    Put(at + 8, &entry.offset, 8);
    Put(at + 16, &entry.count, 8);
    at += layout::kSectionBytes;
    if (entry.source != nullptr) Put(entry.offset, entry.source, entry.count * entry.section.width);
  }
}

}  // namespace sonde
