// Directories that stand for cgroups.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace sonde::test {

/// A directory of its own, which goes with everything below it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = testing::TempDir() + "sonde-cgroups-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  void Make(const std::string& below) const { std::filesystem::create_directories(path_ + below); }
  void Remove(const std::string& below) const { std::filesystem::remove_all(path_ + below); }
  void Write(const std::string& below, const std::string& text) const {
    Make(std::filesystem::path(below).parent_path());
    std::ofstream(path_ + below) << text;
  }
  uint64_t Inode(const std::string& below) const {
    struct stat status = {};
    EXPECT_EQ(stat((path_ + below).c_str(), &status), 0) << below;
    return status.st_ino;
  }

 private:
  std::string path_;
};

/// A real cgroup, where this user may make one; it goes with the object.
class RealCgroup {
 public:
  explicit RealCgroup(const std::string& name) {
    for (const char* mount : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
      struct stat status = {};
      if (stat((std::string(mount) + "/cgroup.controllers").c_str(), &status) == 0) mount_ = mount;
      if (!mount_.empty()) break;
    }
    path_ = "/" + name + "-" + std::to_string(getpid());
    if (!mount_.empty()) Make();
  }
  ~RealCgroup() { Remove(); }
  RealCgroup(const RealCgroup&) = delete;
  RealCgroup& operator=(const RealCgroup&) = delete;

  void Make() { exists_ = mkdir((mount_ + path_).c_str(), 0755) == 0; }
  void Remove() {
    if (exists_) exists_ = rmdir((mount_ + path_).c_str()) != 0;
  }
  bool exists() const { return exists_; }
  const std::string& mount() const { return mount_; }
  const std::string& path() const { return path_; }

 private:
  std::string mount_;
  std::string path_;
  bool exists_ = false;
};

}  // namespace sonde::test
