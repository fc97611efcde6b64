#include "core/symbols/target_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <string_view>

#include "core/symbols/content_hash.h"
#include "core/symbols/elf_headers.h"
#include "core/symbols/mapped_file.h"
#include "core/symbols/target_root.h"

namespace sonde {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

/// How much an agreement of inode numbers is worth.
enum class Trust {
  /// The process itself reached the file: where the file system gives stat another device number than the kernel's
  /// mappings, the inode alone decides.
  kTargetRoot,
  /// Any file system may be mounted there: device and inode must both agree.
  kOwnRoot,
};

/// btrfs and overlayfs report another device by stat than in /proc/PID/maps and PERF_RECORD_MMAP2 (the subvolume's, the
/// overlay's); the inode number is the same in both.
bool DeviceDiffersInMaps(int fd) {
  struct statfs system = {};
  if (fstatfs(fd, &system) != 0) return false;
  const auto type = static_cast<uint64_t>(system.f_type) & 0xffffffff;
  return type == OVERLAYFS_SUPER_MAGIC || type == BTRFS_SUPER_MAGIC;
}

bool SameInode(int fd, const FileIdentity& identity, Trust trust) {
  struct stat status = {};
  if (identity.inode == 0 || fstat(fd, &status) != 0 || status.st_ino != identity.inode) {
    return false;
  }
  const uint64_t device = uint64_t{major(status.st_dev)} << 32 | uint64_t{minor(status.st_dev)};
  if (device == identity.device) return true;
  return trust == Trust::kTargetRoot && DeviceDiffersInMaps(fd);
}

/// The id of the content decides where it is known: the same content under another inode names the same functions, and
/// an inode number can be another file's once its process is gone.
bool IsMeant(const TargetFile& file, const FileIdentity& identity, Trust trust) {
  if (identity.build_id.empty() && !identity.content_hash.empty()) {
    const auto hash = ContentHashOf(file);
    return hash && std::ranges::equal(*hash, identity.content_hash);
  }
  if (identity.build_id.empty()) return SameInode(file.descriptor(), identity, trust);
  const auto headers = ElfHeaders::Read(file);
  return headers && headers->build_id == identity.build_id;
}

Result<TargetFile> Checked(Result<TargetFile> file, const std::string& what,
                           const FileIdentity& identity, Trust trust) {
  if (!file || IsMeant(*file, identity, trust)) return file;
  return Error{ESTALE, what + ": another file than the one that was mapped"};
}

Result<TargetFile> OpenBelow(const std::string& root, const std::string& path,
                             const FileIdentity& identity, Trust trust) {
  const auto directory = TargetRoot::Open(root);
  if (!directory) return directory.error();
  return Checked(directory->OpenFile(path), path, identity, trust);
}

/// A link of procfs that leads to the file itself, whatever its name is now.
Result<TargetFile> OpenLink(const std::string& link, const FileIdentity& identity) {
  const UniqueFd found(open(link.c_str(), O_PATH | O_CLOEXEC));
  if (!found) return SystemError("open(" + link + ")");
  return Checked(OpenRegularFile(found, link), link, identity, Trust::kTargetRoot);
}

/// The file that the process has mapped or runs. map_files needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE; the exe link
/// does not.
Result<TargetFile> OpenMapped(pid_t pid, const std::string& path, const FileIdentity& identity) {
  const std::string process = "/proc/" + std::to_string(pid);
  auto executable = OpenLink(process + "/exe", identity);
  if (executable) return executable;
  const auto range = FindMappedRange(pid, path, identity);
  if (!range) return range.error();
  return OpenLink(process + "/map_files/" + *range, identity);
}

/// The first of: what the process sees under the path, what it has mapped, and, for a deleted file, one that came back
/// under its name with the same content, as when a package is installed again. The error is that of the first.
Result<TargetFile> OpenOfProcess(pid_t pid, const std::string& path, const FileIdentity& identity) {
  const std::string root = "/proc/" + std::to_string(pid) + "/root";
  auto seen = OpenBelow(root, path, identity, Trust::kTargetRoot);
  if (seen) return seen;
  auto mapped = OpenMapped(pid, path, identity);
  if (mapped) return mapped;
  if (path.ends_with(kDeleted) && !identity.build_id.empty()) {
    const std::string name = path.substr(0, path.size() - kDeleted.size());
    auto back = OpenBelow(root, name, identity, Trust::kTargetRoot);
    if (back) return back;
  }
  return seen;
}

}  // namespace

Result<TargetFile> TargetFile::Open(pid_t pid, const std::string& path,
                                    const FileIdentity& identity) {
  if (!path.starts_with('/')) return Error{ENOENT, path + ": not a path"};
  if (identity.inode == 0 && identity.build_id.empty() && identity.content_hash.empty()) {
    return Error{ESTALE, path + ": neither inode nor build id of the mapped file is known"};
  }
  if (pid <= 0) return OpenBelow("/", path, identity, Trust::kOwnRoot);
  auto file = OpenOfProcess(pid, path, identity);
  if (file) {
    file->through_ = pid;
    return file;
  }
  // The process is gone, or may not be looked into.
  auto own = OpenBelow("/", path, identity, Trust::kOwnRoot);
  return own ? std::move(own) : std::move(file);
}

Result<TargetFile> TargetFile::OpenRecorded(const std::string& root, const std::string& path,
                                            const FileIdentity& identity) {
  if (identity.build_id.empty() && identity.content_hash.empty()) {
    return Error{ESTALE,
                 path + ": the recording has neither a build id of it nor its content hash"};
  }
  const FileIdentity content = {.build_id = identity.build_id,
                                .content_hash = identity.content_hash};
  return OpenBelow(root, path, content, Trust::kOwnRoot);
}

Result<TargetFile> TargetFile::FromDescriptor(UniqueFd fd) {
  struct stat status = {};
  if (fstat(fd.get(), &status) != 0) return SystemError("fstat");
  if (!S_ISREG(status.st_mode)) return Error{EINVAL, "not a regular file"};
  const auto nanoseconds = [](const timespec& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return TargetFile(std::move(fd),
                    {.device = status.st_dev,
                     .inode = status.st_ino,
                     .size = static_cast<uint64_t>(std::max<off_t>(0, status.st_size)),
                     .modified = nanoseconds(status.st_mtim),
                     .changed = nanoseconds(status.st_ctim)});
}

std::string FileStamp::Text() const {
  std::string text;
  for (const uint64_t part :
       {device, inode, size, static_cast<uint64_t>(modified), static_cast<uint64_t>(changed)}) {
    text += std::to_string(part) + '/';
  }
  return text;
}

Result<size_t> TargetFile::ReadAt(std::span<std::byte> into, uint64_t offset) const {
  size_t done = 0;
  while (done < into.size()) {
    const auto at = static_cast<off_t>(offset + done);
    if (at < 0 || offset + done < offset) break;  // behind any file's end
    const ssize_t count = pread(fd_.get(), into.data() + done, into.size() - done, at);
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("pread");
    done += static_cast<size_t>(count);
  }
  return done;
}

}  // namespace sonde
