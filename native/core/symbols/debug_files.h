#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/debug_link.h"
#include "core/symbols/elf_headers.h"
#include "core/symbols/target_file.h"
#include "core/symbols/target_root.h"

namespace sonde {

/// A file with the debugging information of an image, found and proven to belong to it.
struct DebugFile {
  TargetFile file;
  std::string path;
};

/// The image whose debug file is looked for.
struct DebugFileRequest {
  /// As the process names it; ` (deleted)` at its end is passed over.
  std::string path;
  std::vector<uint8_t> build_id;
  std::optional<DebugLink> link;
  /// Of the image; empty where it is not at hand.
  std::vector<LoadSegment> loads;
  /// Process through which the image was found; 0 for none.
  pid_t pid = 0;
};

/// Looks for separate debug files where gdb does: under the build id below the debug directories; beside the image, in
/// .debug/ beside it, and below the debug directories under the name that .gnu_debuglink gives. Each first in the target's
/// root and then in the agent's own. Thread-safe; may block as files of targets do.
///
/// A file belongs to the image where both have one build id. Where one has none the CRC-32 of .gnu_debuglink decides,
/// in the image's own root only: it proves little. In both cases their executable segments must be the same.
class DebugFiles {
 public:
  /// `recorded_root`: stands in for the target's root where there is no process; empty for none.
  explicit DebugFiles(std::vector<std::string> directories, std::string recorded_root = {})
      : directories_(std::move(directories)), recorded_root_(std::move(recorded_root)) {}

  /// Errors: ENOENT where there is none, ESTALE where only files of other builds are.
  Result<DebugFile> Find(const DebugFileRequest& request);

 private:
  Status Check(const TargetFile& file, const DebugFileRequest& request, bool by_checksum);

  const std::vector<std::string> directories_;
  const std::string recorded_root_;
  FileChecksums checksums_;
};

}  // namespace sonde
