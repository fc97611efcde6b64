#include "core/symbols/debug_link.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace sonde {
namespace {

constexpr size_t kMaxLinkBytes = 4096;
constexpr uint64_t kMaxChecksummed = uint64_t{4} << 30;
constexpr size_t kChecksumPiece = 1 << 20;
constexpr size_t kMaxChecksums = 1024;

}  // namespace

std::optional<DebugLink> ReadDebugLink(const TargetFile& file,
                                       const std::vector<ElfSection>& sections) {
  const ElfSection* section = FindSection(sections, ".gnu_debuglink");
  if (section == nullptr || section->compressed || section->size > kMaxLinkBytes) return {};
  // The name, its end, zeros up to a multiple of four, the checksum.
  std::string bytes(section->size, '\0');
  const auto read = file.ReadAt(std::as_writable_bytes(std::span(bytes)), section->file_offset);
  if (!read || *read != bytes.size()) return {};
  DebugLink link;
  link.name = bytes.substr(0, bytes.find('\0'));
  const size_t checksum = (link.name.size() + 1 + 3) & ~size_t{3};
  const bool is_name = !link.name.empty() && link.name.find('/') == std::string::npos &&
                       link.name != "." && link.name != "..";
  if (!is_name || checksum + sizeof(link.crc) > bytes.size()) return {};
  std::memcpy(&link.crc, bytes.data() + checksum, sizeof(link.crc));
  return link;
}

Result<uint32_t> FileChecksums::Of(const TargetFile& file) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(file.stamp());
    if (found != known_.end()) return found->second;
  }
  if (file.size() > kMaxChecksummed) return Error{E2BIG, "larger than 4 GiB"};
  std::vector<std::byte> piece(std::min<uint64_t>(kChecksumPiece, file.size()));
  uLong crc = crc32(0, nullptr, 0);
  for (uint64_t at = 0; at < file.size();) {
    const auto read = file.ReadAt(piece, at);
    if (!read) return read.error();
    if (*read == 0) return Error{EIO, "it became shorter"};
    crc = crc32(crc, reinterpret_cast<const Bytef*>(piece.data()), static_cast<uInt>(*read));
    at += *read;
  }
  const std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxChecksums) known_.clear();
  known_[file.stamp()] = static_cast<uint32_t>(crc);
  return static_cast<uint32_t>(crc);
}

}  // namespace sonde
