#pragma once

#include <sys/types.h>

#include <string>

#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// The root directory of a process, or the agent's own. What is opened below it is what that process would open: no link
/// leads outside. Opening may block, as with TargetFile.
class TargetRoot {
 public:
  /// `path`: of the directory.
  static Result<TargetRoot> Open(const std::string& path);
  static Result<TargetRoot> OfProcess(pid_t pid);
  static Result<TargetRoot> Own() { return Open("/"); }

  /// Opens the regular file at an absolute path. Errors: EINVAL for what is none, ENOSYS before Linux 5.6 (openat2).
  Result<TargetFile> OpenFile(const std::string& path) const;

  /// The same, where the path's last part is no link: who may write into the directory would choose the file otherwise.
  /// Error: EINVAL for a link.
  Result<TargetFile> OpenUnlinkedFile(const std::string& path) const;

  /// Whether both are one directory.
  bool IsSameAs(const TargetRoot& other) const;

 private:
  Result<TargetFile> OpenBelow(const std::string& path, uint64_t flags) const;

  explicit TargetRoot(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

/// Opens for reading what an O_PATH descriptor has found, once it is known to be a regular file.
Result<TargetFile> OpenRegularFile(const UniqueFd& found, const std::string& what);

}  // namespace sonde
