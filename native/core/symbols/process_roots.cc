#include "core/symbols/process_roots.h"

#include <unistd.h>

#include <array>

namespace sonde {
namespace {

/// Empty where it cannot be read, or is longer than a path can be.
std::string LinkOf(const std::string& path) {
  std::array<char, 4096> target;
  const ssize_t length = readlink(path.c_str(), target.data(), target.size());
  if (length <= 0 || static_cast<size_t>(length) == target.size()) return {};
  return {target.data(), static_cast<size_t>(length)};
}

}  // namespace

std::string MountsOf(pid_t pid) { return LinkOf("/proc/" + std::to_string(pid) + "/ns/mnt"); }

std::vector<std::string> RootsOfProcesses(const std::vector<pid_t>& pids) {
  std::vector<std::string> roots;
  roots.reserve(pids.size());
  for (const pid_t pid : pids) {
    const std::string mounts = MountsOf(pid);
    const std::string root = LinkOf("/proc/" + std::to_string(pid) + "/root");
    roots.push_back(mounts.empty() || root.empty() ? std::string() : mounts + root);
  }
  return roots;
}

}  // namespace sonde
