#include "core/symbols/growing_file.h"

#include <sys/stat.h>

#include <algorithm>

namespace sonde {
namespace {

/// The `count` bytes before `position`.
std::string BytesBefore(const TargetFile& file, uint64_t position, size_t count) {
  std::string bytes(static_cast<size_t>(std::min<uint64_t>(count, position)), '\0');
  const auto read = file.ReadAt(std::as_writable_bytes(std::span(bytes)), position - bytes.size());
  bytes.resize(read ? *read : 0);
  return bytes;
}

}  // namespace

bool GrowingFile::Continues(const TargetFile& file) const {
  struct stat status = {};
  if (fstat(file.descriptor(), &status) != 0) return false;
  return status.st_dev == device_ && status.st_ino == inode_ && file.size() >= position_ &&
         BytesBefore(file, position_, kRemembered) == last_bytes_;
}

void GrowingFile::Advance(const TargetFile& file, uint64_t position) {
  struct stat status = {};
  if (fstat(file.descriptor(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
  position_ = position;
  last_bytes_ = BytesBefore(file, position, kRemembered);
}

}  // namespace sonde
