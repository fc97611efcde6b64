#include "core/unwind/file_window.h"

#include <algorithm>

namespace sonde {
namespace {

constexpr size_t kWindowBytes = 256 << 10;

}  // namespace

std::span<const uint8_t> FileWindow::From(uint64_t offset, size_t least) {
  if (offset >= range_.size || offset < begin_) return {};
  const uint64_t wanted = std::min<uint64_t>(least, range_.size - offset);
  const uint64_t skipped = offset - begin_;
  if (skipped > bytes_.size() || bytes_.size() - skipped < wanted) {
    bytes_.resize(std::min<uint64_t>(std::max(least, kWindowBytes), range_.size - offset));
    begin_ = offset;
    const auto read =
        file_.ReadAt(std::as_writable_bytes(std::span(bytes_)), range_.offset + offset);
    bytes_.resize(read ? *read : 0);
    return bytes_;
  }
  return std::span<const uint8_t>(bytes_).subspan(skipped);
}

}  // namespace sonde
