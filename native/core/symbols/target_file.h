#pragma once

#include <sys/types.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "../base/result.h"
#include "../base/unique_fd.h"

namespace sonde {

/// Which file is meant: what the kernel said of the mapping. Zeros and an empty id where it did not say.
struct FileIdentity {
  uint64_t device = 0;  ///< major << 32 | minor
  uint64_t inode = 0;
  std::vector<uint8_t> build_id = {};
  /// ContentHash of a file without a build id, where only its content can tell it: what was recorded at another time.
  std::vector<uint8_t> content_hash = {};
};

/// Tells a file and its content from all others, as far as its file system can be believed: a change of the content changes
/// the time of the last change, which nobody can set.
struct FileStamp {
  uint64_t device = 0;  ///< as stat says
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t modified = 0;  ///< ns
  int64_t changed = 0;   ///< ns

  auto operator<=>(const FileStamp&) const = default;
  /// For keys.
  std::string Text() const;
};

/// A regular file of a target process, opened below its root so that no link leads outside, and read by pread only
/// (a mapped file that is truncated kills the reader). A hostile target may block opening or reading it: call from a
/// thread that may be abandoned.
class TargetFile {
 public:
  /// Opens `path` as process `pid` sees it, or, where that is not the file meant (deleted, replaced), what the process
  /// has mapped. Falls back to the agent's own root only where device and inode agree, or the build id.
  /// A known build id decides alone; otherwise a known content hash does; otherwise the inode must be the same.
  /// Error: ESTALE when the file found is not the one meant, EINVAL for what is not a regular file, ENOSYS before
  /// Linux 5.6 (openat2).
  static Result<TargetFile> Open(pid_t pid, const std::string& path, const FileIdentity& identity);

  /// Opens `path` below the directory `root`, where a file of a recording may be: its build id decides, or of one without
  /// the content hash. Inodes of another time or machine say nothing. Errors as above.
  static Result<TargetFile> OpenRecorded(const std::string& root, const std::string& path,
                                         const FileIdentity& identity);

  /// Takes over an open descriptor of a regular file that needs no check: the agent's own files, and tests.
  static Result<TargetFile> FromDescriptor(UniqueFd fd);

  /// Reads up to `into.size()` bytes at `offset`; fewer only at the end of the file.
  Result<size_t> ReadAt(std::span<std::byte> into, uint64_t offset) const;
  uint64_t size() const { return stamp_.size; }
  int descriptor() const { return fd_.get(); }
  /// As it was opened.
  const FileStamp& stamp() const { return stamp_; }
  /// The process whose root or mappings led to it; 0 where it was found in the agent's own root.
  pid_t through() const { return through_; }

 private:
  TargetFile(UniqueFd fd, const FileStamp& stamp) : fd_(std::move(fd)), stamp_(stamp) {}
  UniqueFd fd_;
  FileStamp stamp_;
  pid_t through_ = 0;
};

}  // namespace sonde
