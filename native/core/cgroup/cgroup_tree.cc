#include "core/cgroup/cgroup_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cstring>
#include <deque>
#include <memory>
#include <vector>

namespace sonde {
namespace {

/// So many cgroups that only the kernel has told of are looked for again, in case that they are gone.
constexpr size_t kLearntBeforeWalk = 4096;

/// Whether a path has a component that leads upwards: it would leave the hierarchy.
bool LeadsUp(std::string_view path) {
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    if (path.substr(at, end - at) == "..") return true;
    at = end + 1;
  }
  return false;
}

/// `/a/b`: no slash at the end, one between names.
std::string Normalized(std::string_view path) {
  std::string normalized;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    if (end > at) normalized.append("/").append(path.substr(at, end - at));
    at = end + 1;
  }
  return normalized.empty() ? "/" : normalized;
}

std::string Joined(std::string_view parent, std::string_view name) {
  std::string path(parent == "/" ? "" : parent);
  return path.append("/").append(name);
}

/// What is left of `path` below `ancestor`, with its slash; nothing where it does not lie there.
std::optional<std::string_view> Below(std::string_view path, std::string_view ancestor) {
  if (ancestor == "/") return path;
  if (!path.starts_with(ancestor)) return std::nullopt;
  const std::string_view rest = path.substr(ancestor.size());
  if (!rest.empty() && rest[0] != '/') return std::nullopt;
  return rest;
}

/// The type of handle whose 8 bytes are the id of a kernfs node, and so of a cgroup: enum fid_type, Linux 5.5.
constexpr int kFileIdKernfs = 0xfe;

/// The id of the cgroup at `path` from `directory`. Elsewhere than in cgroupfs, the inode: tests have directories instead.
std::optional<uint64_t> IdAt(int directory, const char* path) {
  union {
    file_handle handle;
    char room[sizeof(file_handle) + MAX_HANDLE_SZ];
  } file;
  file.handle.handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (name_to_handle_at(directory, path, &file.handle, &mount, AT_EMPTY_PATH) == 0 &&
      file.handle.handle_type == kFileIdKernfs && file.handle.handle_bytes == sizeof(uint64_t)) {
    uint64_t id = 0;
    std::memcpy(&id, file.handle.f_handle, sizeof(id));
    return id;
  }
  struct stat status = {};
  if (fstatat(directory, path, &status, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) {
    return std::nullopt;
  }
  return status.st_ino;
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};
using Directory = std::unique_ptr<DIR, CloseDirectory>;

Directory OpenDirectory(int at, const char* path) {
  UniqueFd fd(openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return nullptr;
  Directory directory(fdopendir(fd.get()));
  if (directory != nullptr) fd.Release();
  return directory;
}

/// The names of the directories in one.
std::vector<std::string> Children(const Directory& directory, size_t limit) {
  std::vector<std::string> names;
  while (names.size() < limit) {
    const dirent* entry = readdir(directory.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (entry->d_type == DT_DIR && name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

}  // namespace

bool IsCgroupWithin(std::string_view path, std::string_view ancestor) {
  return Below(path, ancestor).has_value();
}

CgroupTree::CgroupTree(CgroupHierarchy hierarchy, Limits limits)
    : hierarchy_(std::move(hierarchy)), limits_(limits) {
  if (hierarchy_.mount.empty()) return;
  mount_ = UniqueFd(open(hierarchy_.mount.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

// --- names ---------------------------------------------------------------------------------------

/// Whether only a part of the hierarchy is mounted, whose place in it is known.
bool CgroupTree::IsPart() const { return hierarchy_.root != "/" && !LeadsUp(hierarchy_.root); }

/// From the mount; nothing where it does not show the cgroup.
std::optional<std::string> CgroupTree::RelativePath(std::string_view normalized) const {
  const auto below = IsPart() ? Below(normalized, hierarchy_.root) : normalized;
  if (!below) return std::nullopt;
  return std::string(below->empty() ? *below : below->substr(1));
}

UniqueFd CgroupTree::Open(std::string_view path) const {
  if (!mount_ || LeadsUp(path)) return UniqueFd();
  const auto relative = RelativePath(Normalized(path));
  if (!relative) return UniqueFd();
  const std::string name = relative->empty() ? "." : *relative;
  return UniqueFd(openat(mount_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

std::optional<uint64_t> CgroupTree::IdOf(std::string_view path) {
  if (!mount_ || LeadsUp(path)) return std::nullopt;
  const std::string normalized = Normalized(path);
  const auto relative = RelativePath(normalized);
  if (!relative) return std::nullopt;
  const auto id = IdAt(mount_.get(), relative->c_str());
  const std::lock_guard lock(mutex_);
  if (id) Add(*id, normalized);
  return id;
}

std::optional<uint64_t> CgroupTree::IdOfPrinted(std::string_view path) {
  if (hierarchy_.root == "/" || IsPart()) return IdOf(path);
  const auto below = Below(path, hierarchy_.root);
  return below ? IdOf(*below) : std::nullopt;
}

std::optional<std::string> CgroupTree::PathOf(uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(id);
  if (found == known_.end()) return std::nullopt;
  return found->second.path;
}

bool CgroupTree::IsWithin(uint64_t cgroup, uint64_t ancestor) const {
  if (cgroup == ancestor) return cgroup != 0;
  // Ids grow: what is below was made later.
  if (cgroup < ancestor) return false;
  const std::lock_guard lock(mutex_);
  const auto above = known_.find(ancestor);
  const auto below = known_.find(cgroup);
  if (above == known_.end() || below == known_.end()) return false;
  // Another one may have taken the ancestor's place.
  const auto newest = newest_.find(above->second.path);
  if (newest != newest_.end() && newest->second != ancestor && cgroup > newest->second) {
    return false;
  }
  return IsCgroupWithin(below->second.path, above->second.path);
}

bool CgroupTree::IsWithin(uint64_t cgroup, std::string_view ancestor) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(cgroup);
  return found != known_.end() && IsCgroupWithin(found->second.path, Normalized(ancestor));
}

// --- what is known -------------------------------------------------------------------------------

void CgroupTree::Learn(uint64_t id, std::string_view path) {
  if (id == 0 || path.empty()) return;
  const std::lock_guard lock(mutex_);
  Add(id, std::string(path));
}

void CgroupTree::Add(uint64_t id, std::string path) {
  const auto found = known_.find(id);
  if (found == known_.end()) {
    if (known_.size() >= 2 * limits_.cgroups) return;
    learnt_since_walk_++;
  } else if (found->second.path != path) {
    // Hierarchies of v1 let cgroups be renamed.
    Forget(id);
  }
  uint64_t& newest = newest_[path];
  newest = std::max(newest, id);
  known_.insert_or_assign(id, Known{.path = std::move(path), .seen = walks_ + 1});
}

void CgroupTree::Forget(uint64_t id) {
  const auto found = known_.find(id);
  const auto newest = newest_.find(found->second.path);
  if (newest != newest_.end() && newest->second == id) newest_.erase(newest);
  known_.erase(found);
}

void CgroupTree::Walk() {
  if (!mount_) return;
  // One at a time: what another walk sees meanwhile would look as if it were gone.
  const std::lock_guard walking(walk_mutex_);
  const CgroupPaths found = ReadTree();
  const std::lock_guard lock(mutex_);
  for (const auto& [id, path] : found) Add(id, path);
  walks_++;
  for (auto& [id, known] : known_) {
    if (known.seen < walks_ && known.gone == 0) known.gone = window_;
  }
  learnt_since_walk_ = 0;
}

/// Level by level, so that of too many it is the deepest that are missing.
CgroupPaths CgroupTree::ReadTree() const {
  struct Level {
    std::string path;
    size_t depth;
  };
  CgroupPaths found;
  std::deque<Level> open{{.path = "/", .depth = 0}};
  while (!open.empty() && found.size() < limits_.cgroups) {
    const Level level = std::move(open.front());
    open.pop_front();
    const std::string relative = level.path == "/" ? "." : level.path.substr(1);
    const Directory directory = OpenDirectory(mount_.get(), relative.c_str());
    if (directory == nullptr) continue;
    const auto id = IdAt(dirfd(directory.get()), "");
    if (!id) continue;
    found[*id] = IsPart() ? Normalized(hierarchy_.root + level.path) : level.path;
    if (level.depth == limits_.depth) continue;
    for (const std::string& name : Children(directory, limits_.cgroups - open.size())) {
      open.push_back({.path = Joined(level.path, name), .depth = level.depth + 1});
    }
  }
  return found;
}

CgroupPaths CgroupTree::PathsOf(const std::unordered_set<uint64_t>& ids) {
  CgroupPaths paths;
  const auto look = [&] {
    const std::lock_guard lock(mutex_);
    for (const uint64_t id : ids) {
      const auto found = known_.find(id);
      if (found != known_.end()) paths[id] = found->second.path;
    }
    return walked_in_window_ ||
           (paths.size() == ids.size() && learnt_since_walk_ < kLearntBeforeWalk);
  };
  if (look()) return paths;
  Walk();
  {
    const std::lock_guard lock(mutex_);
    walked_in_window_ = true;
  }
  look();
  return paths;
}

void CgroupTree::EndWindow() {
  const std::lock_guard lock(mutex_);
  window_++;
  walked_in_window_ = false;
  std::vector<uint64_t> forgotten;
  for (const auto& [id, known] : known_) {
    if (known.gone != 0 && known.gone + 1 < window_) forgotten.push_back(id);
  }
  for (const uint64_t id : forgotten) Forget(id);
}

}  // namespace sonde
