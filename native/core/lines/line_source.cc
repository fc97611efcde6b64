#include "core/lines/line_source.h"

#include <sys/stat.h>

#include <algorithm>

#include "core/symbols/elf_sections.h"

namespace sonde {
namespace {

/// Of the processes that map an image as many are asked for it.
constexpr size_t kMaxLineProcesses = 16;

Result<TargetFile> OpenLineImage(const NameRequest& request) {
  const pid_t first = request.pids.empty() ? 0 : request.pids.front();
  auto file = TargetFile::Open(first, request.path, request.identity);
  const size_t processes = std::min(request.pids.size(), kMaxLineProcesses);
  for (size_t i = 1; !file && i < processes; i++) {
    auto again = TargetFile::Open(request.pids[i], request.path, request.identity);
    if (again) return again;
  }
  return file;
}

bool HasDwarf(const TargetFile& file, const ElfHeaders& headers) {
  const auto sections = ReadElfSections(file, headers);
  if (!sections) return false;
  return FindSection(*sections, ".debug_info") != nullptr ||
         FindSection(*sections, ".zdebug_info") != nullptr;
}

}  // namespace

Result<LineSource> OpenLineSource(const NameRequest& request) {
  auto image = OpenLineImage(request);
  if (!image) return image.error();
  auto headers = ElfHeaders::Read(*image);
  if (!headers) return Error{headers.error().code, request.path + ": " + headers.error().what};
  LineSource source;
  source.key = request.identity.build_id.empty() ? LineKeyOf(request, *image) : LineKeyOf(request);
  if (HasDwarf(*image, *headers)) source.dwarf = std::move(*image);
  source.headers = std::move(*headers);
  return source;
}

std::string LineKeyOf(const NameRequest& request) {
  const FileIdentity& identity = request.identity;
  std::string key(identity.build_id.begin(), identity.build_id.end());
  for (const uint64_t number :
       {identity.device, identity.inode, static_cast<uint64_t>(request.space)}) {
    key += '/' + std::to_string(number);
  }
  return key + '/' + request.path;
}

std::string LineKeyOf(const NameRequest& request, const TargetFile& image) {
  struct stat status = {};
  if (fstat(image.descriptor(), &status) != 0) return {};
  std::string key = LineKeyOf(request);
  for (const int64_t number :
       {int64_t{status.st_size}, int64_t{status.st_mtim.tv_sec}, int64_t{status.st_mtim.tv_nsec},
        int64_t{status.st_ctim.tv_sec}, int64_t{status.st_ctim.tv_nsec}}) {
    key += '/' + std::to_string(number);
  }
  return key;
}

}  // namespace sonde
