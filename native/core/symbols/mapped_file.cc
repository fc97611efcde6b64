#include "core/symbols/mapped_file.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>

namespace sonde {
namespace {

/// A process may have 65,530 mappings and more; what lies behind this is not looked at.
constexpr size_t kMaxMapsScanned = 8 << 20;

/// One line of /proc/PID/maps: `range perms offset major:minor inode   path`.
struct MapsLine {
  std::string_view range;
  uint64_t device = 0;
  uint64_t inode = 0;
  std::string_view path;
};

std::string_view NextField(std::string_view& rest) {
  const size_t start = std::min(rest.find_first_not_of(' '), rest.size());
  const size_t end = std::min(rest.find(' ', start), rest.size());
  const auto field = rest.substr(start, end - start);
  rest.remove_prefix(end);
  return field;
}

std::optional<uint64_t> Number(std::string_view text, int base) {
  uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<MapsLine> ParseMapsLine(std::string_view line) {
  MapsLine parsed;
  parsed.range = NextField(line);
  NextField(line);
  NextField(line);
  const auto device = NextField(line);
  const auto inode = Number(NextField(line), 10);
  const size_t colon = std::min(device.find(':'), device.size());
  const auto device_major = Number(device.substr(0, colon), 16);
  const auto device_minor = Number(device.substr(std::min(colon + 1, device.size())), 16);
  if (!inode || !device_major || !device_minor) return std::nullopt;
  parsed.device = *device_major << 32 | *device_minor;
  parsed.inode = *inode;
  parsed.path = line.substr(std::min(line.find_first_not_of(' '), line.size()));
  return parsed;
}

bool Fits(const MapsLine& line, const std::string& path, const FileIdentity& identity) {
  if (identity.inode == 0) return line.inode != 0 && line.path == path;
  return line.inode == identity.inode && line.device == identity.device;
}

}  // namespace

Result<std::string> FindMappedRange(pid_t pid, const std::string& path,
                                    const FileIdentity& identity) {
  const std::string maps = "/proc/" + std::to_string(pid) + "/maps";
  const UniqueFd fd(open(maps.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return SystemError("open(" + maps + ")");
  std::array<char, 16384> block;
  std::string pending;
  for (size_t total = 0; total < kMaxMapsScanned;) {
    const ssize_t count = read(fd.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("read(" + maps + ")");
    if (count == 0) break;
    total += static_cast<size_t>(count);
    pending.append(block.data(), static_cast<size_t>(count));
    size_t start = 0;
    for (size_t end; (end = pending.find('\n', start)) != std::string::npos; start = end + 1) {
      const auto line = ParseMapsLine(std::string_view(pending).substr(start, end - start));
      if (line && Fits(*line, path, identity)) return std::string(line->range);
    }
    pending.erase(0, start);
  }
  return Error{ENOENT, path + ": no longer mapped by process " + std::to_string(pid)};
}

}  // namespace sonde
