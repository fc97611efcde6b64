#include "core/perf/proc_reader.h"

#include <dirent.h>
#include <sys/mman.h>

#include <charconv>
#include <memory>

#include "core/base/clock.h"
#include "core/base/small_file.h"

namespace sonde {
namespace {

/// 65,530 mappings (vm.max_map_count) of long paths.
constexpr int kMaxThreadsLookedAt = 16;
constexpr size_t kMaxMapsBytes = 32 << 20;
constexpr size_t kMaxStatusBytes = 16 << 10;

/// Reads the words of a line from the left.
class Words {
 public:
  explicit Words(std::string_view line) : rest_(line) {}

  /// Up to `end`, which is skipped.
  std::string_view Until(char end) {
    const size_t length = std::min(rest_.find(end), rest_.size());
    const std::string_view word = rest_.substr(0, length);
    rest_.remove_prefix(std::min(length + 1, rest_.size()));
    return word;
  }

  uint64_t Number(char end, int base) {
    const std::string_view word = Until(end);
    uint64_t number = 0;
    const auto [stop, error] = std::from_chars(word.begin(), word.end(), number, base);
    if (error != std::errc{} || stop != word.end()) well_formed_ = false;
    return number;
  }

  /// What is left, without leading blanks.
  std::string_view Rest() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
    return rest_;
  }

  bool well_formed() const { return well_formed_; }

 private:
  std::string_view rest_;
  bool well_formed_ = true;
};

uint32_t ProtectionOf(std::string_view permissions) {
  return (permissions[0] == 'r' ? PROT_READ : 0U) | (permissions[1] == 'w' ? PROT_WRITE : 0U) |
         (permissions[2] == 'x' ? PROT_EXEC : 0U);
}

/// The kernel escapes line feeds in this file, and nothing else: a backslash stands for itself.
std::string UnescapedPath(std::string_view path) {
  constexpr std::string_view kLineFeed = "\\012";
  std::string plain(path);
  for (size_t at = 0; (at = plain.find(kLineFeed, at)) != std::string::npos; at++) {
    plain.replace(at, kLineFeed.size(), "\n");
  }
  return plain;
}

/// `start-end rwxp offset major:minor inode   path`
std::optional<ScannedMapping> ParseLine(std::string_view line) {
  Words words(line);
  ScannedMapping mapping;
  mapping.start = words.Number('-', 16);
  mapping.end = words.Number(' ', 16);
  const std::string_view permissions = words.Until(' ');
  if (permissions.size() != 4 || permissions[2] != 'x') return std::nullopt;
  mapping.protection = ProtectionOf(permissions);
  mapping.flags = permissions[3] == 's' ? MAP_SHARED : MAP_PRIVATE;
  mapping.file_offset = words.Number(' ', 16);
  const uint64_t major = words.Number(':', 16);
  const uint64_t minor = words.Number(' ', 16);
  mapping.file.device = major << 32 | minor;
  mapping.file.inode = words.Number(' ', 10);
  mapping.path = UnescapedPath(words.Rest());
  if (!words.well_formed() || mapping.end <= mapping.start) return std::nullopt;
  return mapping;
}

std::string WithoutLineFeed(std::string text) {
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

std::vector<pid_t> NumbersIn(const std::string& directory) {
  std::vector<pid_t> numbers;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), closedir);
  if (!stream) return numbers;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    pid_t number = 0;
    const auto [stop, error] = std::from_chars(name.begin(), name.end(), number);
    if (error == std::errc{} && stop == name.end() && number > 0) numbers.push_back(number);
  }
  return numbers;
}

}  // namespace

std::vector<ScannedMapping> ParseMaps(std::string_view text) {
  std::vector<ScannedMapping> mappings;
  while (!text.empty()) {
    const size_t length = std::min(text.find('\n'), text.size());
    if (auto mapping = ParseLine(text.substr(0, length))) mappings.push_back(std::move(*mapping));
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  return mappings;
}

std::vector<pid_t> ProcReader::Processes() const { return NumbersIn(root_); }

std::vector<pid_t> ProcReader::Threads(pid_t pid) const {
  return NumbersIn(root_ + "/" + std::to_string(pid) + "/task");
}

std::optional<pid_t> ProcReader::ProcessOf(pid_t tid) const {
  const auto status = ReadSmallFile(root_ + "/" + std::to_string(tid) + "/status", kMaxStatusBytes);
  if (!status) return std::nullopt;
  constexpr std::string_view kField = "\nTgid:\t";
  const size_t at = status->find(kField);
  if (at == std::string::npos) return std::nullopt;
  return static_cast<pid_t>(strtol(status->c_str() + at + kField.size(), nullptr, 10));
}

std::vector<ScannedMapping> ProcReader::Mappings(pid_t pid) const {
  const std::string directory = root_ + "/" + std::to_string(pid);
  auto maps = ReadSmallFile(directory + "/maps", kMaxMapsBytes);
  if (!maps) return {};
  if (!maps->empty()) return ParseMaps(*maps);
  // A first thread that has ended shows none, though the others run on.
  int looked = 0;
  for (const pid_t tid : Threads(pid)) {
    if (tid == pid || looked++ == kMaxThreadsLookedAt) continue;
    maps = ReadSmallFile(directory + "/task/" + std::to_string(tid) + "/maps", kMaxMapsBytes);
    if (maps && !maps->empty()) return ParseMaps(*maps);
  }
  return {};
}

std::optional<ScannedProcess> ProcReader::Process(pid_t pid) const {
  ScannedProcess process;
  process.pid = static_cast<uint32_t>(pid);
  process.as_of = MonotonicNow();
  process.mappings = Mappings(pid);
  const std::string tasks = root_ + "/" + std::to_string(pid) + "/task/";
  for (const pid_t tid : Threads(pid)) {
    auto comm = ReadSmallFile(tasks + std::to_string(tid) + "/comm", kMaxStatusBytes);
    if (!comm) continue;
    process.threads.push_back({static_cast<uint32_t>(tid), WithoutLineFeed(std::move(*comm))});
  }
  if (process.threads.empty()) return std::nullopt;
  return process;
}

}  // namespace sonde
