#include "core/symbols/target_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sonde {

Result<TargetRoot> TargetRoot::Open(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return SystemError("open(" + path + ")");
  return TargetRoot(std::move(fd));
}

Result<TargetRoot> TargetRoot::OfProcess(pid_t pid) {
  return Open("/proc/" + std::to_string(pid) + "/root");
}

Result<TargetFile> TargetRoot::OpenFile(const std::string& path) const {
  return OpenBelow(path, 0);
}

Result<TargetFile> TargetRoot::OpenUnlinkedFile(const std::string& path) const {
  return OpenBelow(path, O_NOFOLLOW);
}

Result<TargetFile> TargetRoot::OpenBelow(const std::string& path, uint64_t flags) const {
  // Links are followed as if the directory were `/`, but none of procfs. Nothing is opened yet: opening a device can do
  // things (a watchdog starts), and opening a FIFO can wait.
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC | flags;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  // EAGAIN: something was renamed meanwhile, so that the kernel cannot vouch for the path.
  for (int attempt = 0; attempt < 8; attempt++) {
    const long fd = syscall(SYS_openat2, fd_.get(), path.c_str(), &how, sizeof(how));
    if (fd >= 0) return OpenRegularFile(UniqueFd(static_cast<int>(fd)), path);
    if (errno != EAGAIN && errno != EINTR) break;
  }
  if (errno == ENOSYS) return Error{ENOSYS, "openat2(" + path + "): needs Linux 5.6"};
  return SystemError("openat2(" + path + ")");
}

bool TargetRoot::IsSameAs(const TargetRoot& other) const {
  struct stat mine = {};
  struct stat others = {};
  return fstat(fd_.get(), &mine) == 0 && fstat(other.fd_.get(), &others) == 0 &&
         mine.st_dev == others.st_dev && mine.st_ino == others.st_ino;
}

Result<TargetFile> OpenRegularFile(const UniqueFd& found, const std::string& what) {
  struct stat status = {};
  if (fstat(found.get(), &status) != 0) return SystemError("fstat(" + what + ")");
  if (!S_ISREG(status.st_mode)) return Error{EINVAL, what + ": not a regular file"};
  const std::string again = "/proc/self/fd/" + std::to_string(found.get());
  UniqueFd fd(open(again.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!fd) return SystemError("open(" + what + ")");
  return TargetFile::FromDescriptor(std::move(fd));
}

}  // namespace sonde
