#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/content_hash.h"
#include "core/symbols/elf_headers.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// A file whose headers are wanted, and the processes through whose root it may be found.
struct ImageRequest {
  std::string path;
  FileIdentity identity = {};
  std::vector<pid_t> pids = {};
};

/// What is read of a file.
struct ImageFacts {
  /// Or why there are none: it may be no ELF file.
  Result<ElfHeaders> headers;
  std::optional<ContentHash> content_hash = {};
};

/// Reads headers of target files on a thread of its own: opening or reading a file of a hostile target, or one on a dead
/// network file system, may block for ever. A thread that does is left behind, and a few of those are borne.
class ImageReader {
 public:
  ImageReader();
  ~ImageReader();
  ImageReader(const ImageReader&) = delete;
  ImageReader& operator=(const ImageReader&) = delete;

  /// The facts in the order of the requests. Nothing for those that had no turn within `limit`; ETIMEDOUT for the one
  /// that used it up.
  std::vector<std::optional<ImageFacts>> Read(std::vector<ImageRequest> requests,
                                              std::chrono::milliseconds limit);

 private:
  struct Job;
  struct Inbox;

  void StartOver();

  /// Shared with the thread, which may outlive the reader.
  std::shared_ptr<Inbox> inbox_;
  /// Threads that have been given up and still run.
  std::shared_ptr<std::atomic<int>> left_behind_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace sonde
