#pragma once

#include <optional>
#include <string>

#include "core/symbols/elf_headers.h"
#include "core/symbols/image_library.h"
#include "core/symbols/naming.h"
#include "core/symbols/symbol_options.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// The file that has the DWARF of an image.
struct LineSource {
  /// None where the image has none anywhere.
  std::optional<TargetFile> dwarf;
  /// Of the image.
  ElfHeaders headers;
  /// Tells the files that were opened, as they were then, from all others: a build id can be forged.
  std::string key;
};

/// Finds the DWARF of images: in themselves, or in a separate debug file that belongs to them. Thread-safe.
class LineSources {
 public:
  /// `symbols` say whether debug files are looked for, and where.
  explicit LineSources(const SymbolOptions& symbols);

  /// Opens the image of a request, once it is proven to be the one meant. Blocks as files of targets do.
  Result<LineSource> Open(const NameRequest& request);

 private:
  ImageLibrary library_;
};

}  // namespace sonde
