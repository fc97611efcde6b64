// A directory with files of a recorded machine, removed with the test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "symbols/elf_builder.h"

namespace sonde {

class RecordedFolder : public testing::Test {
 protected:
  RecordedFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "sonde-recorded-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~RecordedFolder() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& bytes) const {
    const auto path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  std::string Write(const std::string& name, const TestElf& elf) const {
    return Write(name, elf.Bytes());
  }
  std::string At(const std::string& name) const { return folder_ / name; }

  std::filesystem::path folder_;
};

}  // namespace sonde
