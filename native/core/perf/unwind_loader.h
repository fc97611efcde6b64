#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/perf/image.h"
#include "core/perf/proc_reader.h"
#include "core/unwind/unwind_tables.h"
#include "core/v8/layout.h"

namespace sonde {

using UnwindTablesPtr = std::shared_ptr<const UnwindTables>;

/// What was read of an image.
struct LoadedImage {
  ImagePtr image;
  Result<UnwindTablesPtr> tables;
  /// Where the file has V8 in it.
  V8ImagePtr v8 = {};
};

/// Reads images for a CodeLibrary, which is given what was read later (CodeLibrary::Add).
class ImageLoader {
 public:
  virtual ~ImageLoader() = default;
  /// `pid`: a process that has it mapped.
  virtual void LoadImage(const ImagePtr& image, uint32_t pid) = 0;
};

/// Reads what unwinding needs of files and of /proc, on threads of its own: either may block for ever. One thread asks,
/// and takes the answers later; an answer that takes too long comes as ETIMEDOUT first and, perhaps, once more.
class UnwindLoader final : public ImageLoader {
 public:
  struct LoadedProcess {
    ScannedProcess process;
    /// Whether code that it makes at run time keeps frame pointers. A JVM does only where it is told to.
    bool generated_code_keeps_frame_pointers = false;
  };
  struct Answers {
    std::vector<LoadedImage> images = {};
    std::vector<LoadedProcess> processes = {};
  };

  /// `wake`: an eventfd that is written to when there is an answer.
  explicit UnwindLoader(UniqueFd wake);
  ~UnwindLoader() override;
  UnwindLoader(const UnwindLoader&) = delete;
  UnwindLoader& operator=(const UnwindLoader&) = delete;

  void LoadImage(const ImagePtr& image, uint32_t pid) override;
  void LoadProcess(uint32_t pid);
  /// Gives an answer that nobody asked for. From any thread.
  void Answer(const ScannedProcess& process);
  Answers Take();

 private:
  struct Shared;
  /// Lives as long as the last thread that works for it.
  std::shared_ptr<Shared> shared_;
};

}  // namespace sonde
