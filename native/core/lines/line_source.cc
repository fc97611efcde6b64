#include "core/lines/line_source.h"

#include <utility>

#include "core/symbols/elf_sections.h"

namespace sonde {
namespace {

bool HasDwarf(const TargetFile& file, const ElfHeaders& headers) {
  const auto sections = ReadElfSections(file, headers);
  if (!sections) return false;
  return FindSection(*sections, ".debug_info") != nullptr ||
         FindSection(*sections, ".zdebug_info") != nullptr;
}

/// Separate debug files are looked for even where the image has symbols: its DWARF may have been split off alone.
SymbolOptions DebugFilesOnly(std::vector<std::string> directories) {
  return {.sources = {SymbolSource::kDebugFile}, .debug_directories = std::move(directories)};
}

}  // namespace

LineSources::LineSources(std::vector<std::string> debug_directories)
    : library_(0, DebugFilesOnly(std::move(debug_directories))) {}

Result<LineSource> LineSources::Open(const NameRequest& request) {
  auto files = library_.Open(request);
  if (!files) return files.error();
  auto headers = ElfHeaders::Read(files->image);
  if (!headers) return Error{headers.error().code, request.path + ": " + headers.error().what};
  LineSource source;
  source.key = files->image.stamp().Text();
  if (files->debug) source.key += '+' + files->debug->stamp().Text();
  if (HasDwarf(files->image, *headers)) {
    source.dwarf.emplace(std::move(files->image));
  } else if (files->debug) {
    const auto debug_headers = ElfHeaders::Read(*files->debug);
    if (debug_headers && HasDwarf(*files->debug, *debug_headers)) {
      source.dwarf.emplace(std::move(*files->debug));
    }
  }
  source.headers = std::move(*headers);
  return source;
}

}  // namespace sonde
