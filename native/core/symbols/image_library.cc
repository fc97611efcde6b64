#include "core/symbols/image_library.h"

#include <algorithm>

#include "core/symbols/elf_headers.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/vdso.h"

namespace sonde {
namespace {

/// Of the processes that map an image as many are asked for it; more would not know it better.
constexpr size_t kMaxProcesses = 16;

}  // namespace

ImageLibrary::ImageLibrary(size_t max_cache_bytes, const SymbolOptions& options)
    : options_(options),
      recorded_files_({options.recorded_root, options.build_id_caches, options.debug_directories}),
      debug_files_(options.debug_directories, options.recorded_root),
      cache_(max_cache_bytes, options) {}

Result<TargetFile> ImageLibrary::OpenFile(const NameRequest& request) const {
  if (request.pids.empty()) return recorded_files_.Open(request.path, request.identity);
  auto file = TargetFile::Open(request.pids.front(), request.path, request.identity);
  const size_t processes = std::min(request.pids.size(), kMaxProcesses);
  for (size_t i = 1; !file && i < processes; i++) {
    auto again = TargetFile::Open(request.pids[i], request.path, request.identity);
    if (again) return again;
  }
  return file;
}

/// This kernel's, or one that perf kept. A vdso whose build id is not known is the running kernel's.
Result<TargetFile> ImageLibrary::OpenVdsoOf(const FileIdentity& identity) const {
  auto own = OpenVdso();
  if (identity.build_id.empty()) return own;
  const auto is_meant = [&](const TargetFile& file) {
    const auto headers = ElfHeaders::Read(file);
    return headers && headers->build_id == identity.build_id;
  };
  if (own && is_meant(*own)) return own;
  auto kept = recorded_files_.OpenCached(identity.build_id, "vdso");
  if (kept && is_meant(*kept)) return kept;
  return Error{ESTALE, "[vdso]: another kernel's than this one's"};
}

Result<ImageFiles> ImageLibrary::Open(const NameRequest& request) {
  switch (request.kind) {
    case NameRequest::Kind::kFile: {
      auto image = OpenFile(request);
      if (!image) {
        auto alone = OpenDebugFileAlone(request);
        return alone ? std::move(alone) : image.error();
      }
      ImageFiles files{std::move(*image), {}, {}};
      const auto added = AddDebugFile(files, request.path);
      if (!added) return Error{added.error().code, request.path + ": " + added.error().what};
      return files;
    }
    case NameRequest::Kind::kVdso: {
      auto image = OpenVdsoOf(request.identity);
      if (!image) return image.error();
      return ImageFiles{std::move(*image), {}, {}};
    }
    case NameRequest::Kind::kAnonymous:
    case NameRequest::Kind::kUnknown:
      break;
  }
  return Error{ENOENT, request.path + ": not a file"};
}

/// Looks for one where it is not the image's own .symtab that counts.
Status ImageLibrary::AddDebugFile(ImageFiles& files, const std::string& path) {
  if (!options_.Uses(SymbolSource::kDebugFile)) return Ok();
  auto headers = ElfHeaders::Read(files.image);
  if (!headers) return headers.error();
  const auto sections = ReadElfSections(files.image, *headers);
  if (!sections) return sections.error();
  if (options_.PrefersOwnSymbols() && HasSymtab(*sections)) return Ok();
  auto found = debug_files_.Find({.path = path,
                                  .build_id = std::move(headers->build_id),
                                  .link = ReadDebugLink(files.image, *sections),
                                  .loads = std::move(headers->loads),
                                  .pid = files.image.through()});
  if (found) {
    files.debug.emplace(std::move(found->file));
  } else if (found.error().code == ESTALE) {
    files.note = found.error().what;
  }
  return Ok();
}

/// A program that was deleted, or a recording of another machine.
Result<ImageFiles> ImageLibrary::OpenDebugFileAlone(const NameRequest& request) {
  if (!options_.Uses(SymbolSource::kDebugFile) || request.identity.build_id.empty() ||
      request.space != NameRequest::Space::kSvma) {
    return Error{ENOENT, request.path + ": no debug file"};
  }
  auto found = debug_files_.Find({.path = request.path,
                                  .build_id = request.identity.build_id,
                                  .link = {},
                                  .loads = {},
                                  .pid = request.pids.empty() ? 0 : request.pids.front()});
  if (!found) return found.error();
  return ImageFiles{std::move(found->file), {}, {}};
}

}  // namespace sonde
