#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/symbols/target_file.h"

namespace sonde {

/// An executable line of /proc/PID/maps.
struct ScannedMapping {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t file_offset = 0;
  uint32_t protection = 0;
  uint32_t flags = 0;
  FileIdentity file;
  std::string path;
};

struct ScannedThread {
  uint32_t tid = 0;
  std::string comm = {};
};

/// What /proc says of one process.
struct ScannedProcess {
  uint32_t pid = 0;
  /// CLOCK_MONOTONIC before the first byte was read: what happened earlier is contained, what happened later may be.
  uint64_t as_of = 0;
  std::vector<ScannedThread> threads = {};
  std::vector<ScannedMapping> mappings = {};
};

/// The executable lines of a maps file.
std::vector<ScannedMapping> ParseMaps(std::string_view text);

/// Reads /proc. What vanishes meanwhile is left out.
class ProcReader {
 public:
  explicit ProcReader(std::string root = "/proc") : root_(std::move(root)) {}

  std::vector<pid_t> Processes() const;
  std::vector<pid_t> Threads(pid_t pid) const;
  /// The process of a thread.
  std::optional<pid_t> ProcessOf(pid_t tid) const;
  std::optional<ScannedProcess> Process(pid_t pid) const;
  /// Empty where it has none or they may not be read.
  std::vector<ScannedMapping> Mappings(pid_t pid) const;

 private:
  std::string root_;
};

}  // namespace sonde
