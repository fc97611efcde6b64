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

/// Where debug files are looked for at all, they are even where the image has symbols: its DWARF may have been split off
/// alone.
SymbolOptions DebugFilesOnly(const SymbolOptions& symbols) {
  SymbolOptions only = symbols;
  std::erase_if(only.sources,
                [](const SymbolSource source) { return source != SymbolSource::kDebugFile; });
  return only;
}

}  // namespace

LineSources::LineSources(const SymbolOptions& symbols) : library_(0, DebugFilesOnly(symbols)) {}

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
