// A mounted FUSE file system whose server never answers: what a dead file server looks like.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "core/base/unique_fd.h"
#include "symbols/child_process.h"

namespace sonde {

class DeadServer {
 public:
  DeadServer() : fd_(open("/dev/fuse", O_RDWR | O_CLOEXEC)) {}

  /// In the caller's mount namespace.
  bool MountAt(const std::string& path) const {
    const std::string options =
        "fd=" + std::to_string(fd_.get()) + ",rootmode=40000,user_id=0,group_id=0";
    return fd_ && mount("sonde", path.c_str(), "fuse", 0, options.c_str()) == 0;
  }
  /// Ends what waits for it.
  void End() { fd_.Reset(); }

 private:
  UniqueFd fd_;
};

/// Where every process sees it.
class DeadFileSystem {
 public:
  DeadFileSystem() {
    std::string pattern = std::filesystem::temp_directory_path() / "sonde-dead-XXXXXX";
    path_ = mkdtemp(pattern.data());
    mounted_ = server_.MountAt(path_);
  }
  ~DeadFileSystem() {
    server_.End();
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
    rmdir(path_.c_str());
  }
  bool mounted() const { return mounted_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  DeadServer server_;
  bool mounted_ = false;
};

/// A process in a mount namespace of its own, which alone sees a dead file system at `path`.
class ContainerWithDeadServer {
 public:
  explicit ContainerWithDeadServer(const std::string& path, uid_t user = 0)
      : process_([&] {
          return unshare(CLONE_NEWNS) == 0 &&
                 mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                 server_.MountAt(path) && setresuid(user, user, user) == 0;
        }) {}
  ~ContainerWithDeadServer() {
    process_.End();
    server_.End();
  }
  bool mounted() const { return process_.ready(); }
  pid_t pid() const { return process_.pid(); }

 private:
  DeadServer server_;
  ChildProcess process_;
};

}  // namespace sonde
