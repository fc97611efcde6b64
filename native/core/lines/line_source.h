#pragma once

#include <optional>
#include <string>

#include "core/symbols/elf_headers.h"
#include "core/symbols/naming.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// The file that has the DWARF of an image.
struct LineSource {
  /// None where the image has none anywhere.
  std::optional<TargetFile> dwarf;
  /// Of the image.
  ElfHeaders headers;
  /// Tells the image's content from all others.
  std::string key;
};

/// Opens the image of a request, once it is proven to be the one meant, and finds its DWARF. Blocks as files of targets do.
Result<LineSource> OpenLineSource(const NameRequest& request);

/// What tells a request's image from others without opening it, so that what is known of it outlives its processes. Only
/// with a build id: an inode number can be another file's later.
std::string LineKeyOf(const NameRequest& request);

/// The same of an open file that has no build id.
std::string LineKeyOf(const NameRequest& request, const TargetFile& image);

}  // namespace sonde
