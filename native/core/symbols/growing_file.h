#pragma once

#include <sys/types.h>

#include <string>

#include "core/symbols/target_file.h"

namespace sonde {

/// Where reading of a file stopped that its writer goes on with, so that only what is new is read the next time.
class GrowingFile {
 public:
  /// Up to where it was read.
  uint64_t position() const { return position_; }

  /// Whether `file` is the one that was read, with all that was read still in it as far as can be told.
  bool Continues(const TargetFile& file) const;

  /// Says that all before `position` has been read.
  void Advance(const TargetFile& file, uint64_t position);

 private:
  /// As many of the bytes before the position are compared: the file may have been cut and written anew.
  static constexpr size_t kRemembered = 64;

  dev_t device_ = 0;
  ino_t inode_ = 0;
  uint64_t position_ = 0;
  std::string last_bytes_;
};

}  // namespace sonde
