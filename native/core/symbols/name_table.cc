#include "core/symbols/name_table.h"

#include <algorithm>
#include <span>

namespace sonde {
namespace {

constexpr size_t kMaxNameBytes = 8192;

}  // namespace

std::string NameTable::NameAt(const TargetFile& file, uint64_t offset) const {
  if (offset >= size) return {};
  std::string name;
  // Most names are shorter than the first piece.
  for (size_t piece = 128; name.size() < kMaxNameBytes; piece = 1024) {
    const size_t start = name.size();
    const uint64_t left = size - offset - start;
    name.resize(start + std::min<uint64_t>({piece, left, kMaxNameBytes - start}));
    const auto into = std::as_writable_bytes(std::span(name).subspan(start));
    const auto count = file.ReadAt(into, file_offset + offset + start);
    const size_t read = count ? *count : 0;
    const size_t end = name.find('\0', start);
    if (end < start + read) {
      name.resize(end);
      return name;
    }
    // A name without an end: the file is damaged, or was cut meanwhile.
    if (read < into.size() || into.empty()) return {};
  }
  return name;
}

}  // namespace sonde
