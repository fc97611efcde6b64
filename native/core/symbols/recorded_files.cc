#include "core/symbols/recorded_files.h"

#include <cerrno>
#include <string_view>

#include "core/base/hexadecimal.h"
#include "core/symbols/target_root.h"

namespace sonde {
namespace {

constexpr std::string_view kGoneMark = " (deleted)";

std::string WithoutGoneMark(std::string path) {
  if (path.ends_with(kGoneMark)) path.resize(path.size() - kGoneMark.size());
  return path;
}

/// `/.build-id/ab/cdef…`; empty where the id is too short to be parted.
std::string PathOfBuildId(const std::vector<uint8_t>& build_id) {
  if (build_id.size() < 2) return {};
  const std::string id = Hexadecimal(build_id);
  return "/.build-id/" + id.substr(0, 2) + '/' + id.substr(2);
}

}  // namespace

Result<TargetFile> RecordedFiles::Open(const std::string& path,
                                       const FileIdentity& identity) const {
  auto by_path = OpenByPath(path, identity);
  const std::string by_id = PathOfBuildId(identity.build_id);
  if (by_path || by_id.empty()) return by_path;
  std::vector<std::string> candidates;
  for (const auto& cache : places_.build_id_caches) candidates.push_back(cache + by_id + "/elf");
  for (const auto& folder : places_.debug_directories) candidates.push_back(folder + by_id);
  for (const std::string& candidate : candidates) {
    auto file = TargetFile::OpenRecorded("/", candidate, identity);
    if (file) return file;
  }
  return by_path;
}

Result<TargetFile> RecordedFiles::OpenByPath(const std::string& path,
                                             const FileIdentity& identity) const {
  if (!path.starts_with('/')) return Error{ENOENT, path + ": not a path"};
  const std::string name = WithoutGoneMark(path);
  if (places_.root.empty()) return TargetFile::OpenRecorded("/", name, identity);
  auto file = TargetFile::OpenRecorded(places_.root, name, identity);
  if (file) return file;
  auto flat = TargetFile::OpenRecorded(places_.root, name.substr(name.rfind('/')), identity);
  return flat ? std::move(flat) : std::move(file);
}

Result<TargetFile> RecordedFiles::OpenCached(const std::vector<uint8_t>& build_id,
                                             const std::string& name) const {
  const std::string by_id = PathOfBuildId(build_id);
  const auto root = TargetRoot::Own();
  if (!root) return root.error();
  if (!by_id.empty()) {
    for (const std::string& cache : places_.build_id_caches) {
      auto file = root->OpenFile(cache + by_id + '/' + name);
      if (file) return file;
    }
  }
  return Error{ENOENT, name + ": in no cache of perf's"};
}

}  // namespace sonde
