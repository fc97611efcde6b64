#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// Where files of a recording may be on this machine.
struct RecordedPlaces {
  /// A directory that stands for the root of the machine that was recorded (perf's --symfs). Empty: this machine's own.
  std::string root = {};
  /// perf's caches: DIR/.build-id/ab/cdef…/elf, and vdso or kallsyms in its place.
  std::vector<std::string> build_id_caches = {};
  /// As gdb's debug-file-directory: DIR/.build-id/ab/cdef… is the file itself.
  std::vector<std::string> debug_directories = {};
};

/// Finds files that processes of a recording had mapped. A file is one of them only where its build id, or of a file without
/// one its content hash, is the recorded one. Opens as TargetFile does: call where blocking is bearable.
class RecordedFiles {
 public:
  explicit RecordedFiles(RecordedPlaces places = {}) : places_(std::move(places)) {}

  /// The first of: the recorded path below the root (` (deleted)` at its end is passed over), with a root of another machine
  /// also its last part alone, then what the caches and the debug directories have under the build id.
  /// Errors: ESTALE where the file there is another, or the recording says nothing to know it by; that of the recorded
  /// path otherwise.
  Result<TargetFile> Open(const std::string& path, const FileIdentity& identity) const;

  /// What a cache keeps for a build id, under one of the names above, unchecked.
  Result<TargetFile> OpenCached(const std::vector<uint8_t>& build_id,
                                const std::string& name) const;

  const RecordedPlaces& places() const { return places_; }

 private:
  Result<TargetFile> OpenByPath(const std::string& path, const FileIdentity& identity) const;

  const RecordedPlaces places_;
};

}  // namespace sonde
