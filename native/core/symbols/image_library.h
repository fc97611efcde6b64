#pragma once

#include <memory>

#include "core/symbols/debug_files.h"
#include "core/symbols/function_source.h"
#include "core/symbols/naming.h"
#include "core/symbols/recorded_files.h"
#include "core/symbols/symbol_cache.h"
#include "core/symbols/symbol_options.h"

namespace sonde {

/// Opens images with their debug files, and knows their functions. Thread-safe; opening and reading may block as files of
/// targets do.
class ImageLibrary {
 public:
  ImageLibrary(size_t max_cache_bytes, const SymbolOptions& options);

  /// The image, or where it is gone a debug file under its build id.
  Result<ImageFiles> Open(const NameRequest& request);

  Result<std::shared_ptr<const ImageFunctions>> FunctionsOf(const ImageFiles& files) {
    return cache_.FunctionsOf(files);
  }

  size_t bytes() const { return cache_.bytes(); }

 private:
  Result<TargetFile> OpenFile(const NameRequest& request) const;
  Result<TargetFile> OpenVdsoOf(const FileIdentity& identity) const;
  Status AddDebugFile(ImageFiles& files, const std::string& path);
  Result<ImageFiles> OpenDebugFileAlone(const NameRequest& request);

  const SymbolOptions options_;
  const RecordedFiles recorded_files_;
  DebugFiles debug_files_;
  SymbolCache cache_;
};

}  // namespace sonde
