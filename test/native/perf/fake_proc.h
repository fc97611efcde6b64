#pragma once

#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace sonde::test {

/// A directory that looks like /proc, with the processes that a test puts there.
class FakeProc {
 public:
  struct Process {
    uint32_t pid = 0;
    uint32_t parent = 1;
    std::string name = "app";
    uint32_t uid = 0;
    bool kernel_thread = false;
  };

  FakeProc() : root_(std::filesystem::temp_directory_path() / "sonde-proc-XXXXXX") {
    root_ = mkdtemp(root_.data());
  }
  ~FakeProc() { std::filesystem::remove_all(root_); }
  FakeProc(const FakeProc&) = delete;
  FakeProc& operator=(const FakeProc&) = delete;

  const std::string& root() const { return root_; }

  void Put(const Process& process) {
    const std::string pid = std::to_string(process.pid);
    const std::string directory = root_ + "/" + pid;
    const std::string thread = directory + "/task/" + pid;
    std::filesystem::create_directories(thread);
    const std::string flags = std::to_string(process.kernel_thread ? 0x208040 : 0x400000);
    Write(directory + "/stat", pid + " (" + process.name + ") R " + std::to_string(process.parent) +
                                   " 1 1 0 -1 " + flags + " 0 0\n");
    const std::string uid = std::to_string(process.uid);
    Write(directory + "/status", "Name:\t" + process.name + "\nUid:\t4711\t" + uid + "\t7\t8\n");
    Write(thread + "/comm", process.name + "\n");
  }
  void Remove(uint32_t pid) { std::filesystem::remove_all(root_ + "/" + std::to_string(pid)); }

 private:
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }

  std::string root_;
};

}  // namespace sonde::test
