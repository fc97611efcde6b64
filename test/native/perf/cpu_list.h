#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace sonde::test {

/// A file in the place of /sys/devices/system/cpu/online.
class CpuList {
 public:
  explicit CpuList(const std::string& text) {
    close(mkstemp(path_.data()));
    Write(text);
  }
  CpuList(const CpuList&) = delete;
  CpuList& operator=(const CpuList&) = delete;
  ~CpuList() { std::filesystem::remove(path_); }

  const std::string& path() const { return path_; }
  void Write(const std::string& text) const { std::ofstream(path_) << text; }

 private:
  std::string path_ = std::filesystem::temp_directory_path() / "sonde-cpus-XXXXXX";
};

}  // namespace sonde::test
