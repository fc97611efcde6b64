#include "core/cgroup/process_cgroups.h"

#include "core/base/small_file.h"

namespace sonde {
namespace {

/// How long what /proc said is believed. Processes are moved seldom; the read takes about 10 us, and there is at most
/// one for each sample.
constexpr uint64_t kBelieved = 1'000'000'000;
/// As many as there can be by default (pid_max on small machines is half of it).
constexpr size_t kMaxProcesses = 1 << 16;
constexpr size_t kMaxCgroupBytes = 64 << 10;

/// Takes the text up to `end` from the front, and `end`.
std::string_view TakeUntil(std::string_view& text, char end) {
  const size_t length = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(std::min(length + 1, text.size()));
  return taken;
}

bool HasController(std::string_view list, std::string_view controller) {
  while (!list.empty()) {
    if (TakeUntil(list, ',') == controller) return true;
  }
  return false;
}

}  // namespace

std::optional<std::string_view> PathInHierarchy(std::string_view text,
                                                std::string_view controller) {
  while (!text.empty()) {
    std::string_view line = TakeUntil(text, '\n');
    const std::string_view number = TakeUntil(line, ':');
    const std::string_view controllers = TakeUntil(line, ':');
    const bool found = controller.empty() ? number == "0" && controllers.empty()
                                          : HasController(controllers, controller);
    if (found) return line;
  }
  return std::nullopt;
}

bool SamplesTellCgroup(const CgroupHierarchy& hierarchy, std::string_view text) {
  if (hierarchy.mount.empty()) return false;
  const bool in_v1 = PathInHierarchy(text, "perf_event").has_value();
  if (!in_v1) return hierarchy.controller.empty();
  while (!text.empty()) {
    std::string_view line = TakeUntil(text, '\n');
    TakeUntil(line, ':');
    const std::string_view controllers = TakeUntil(line, ':');
    if (!HasController(controllers, "perf_event")) continue;
    return HasController(controllers, hierarchy.controller);
  }
  return false;
}

std::optional<uint64_t> ProcessCgroups::Read(uint32_t pid) const {
  const auto text = ReadSmallFile(proc_ + "/" + std::to_string(pid) + "/cgroup", kMaxCgroupBytes);
  if (!text) return std::nullopt;
  const auto path = PathInHierarchy(*text, tree_.hierarchy().controller);
  return path ? tree_.IdOfPrinted(*path) : std::nullopt;
}

uint64_t ProcessCgroups::CgroupOf(uint32_t pid, uint64_t now) {
  if (processes_.size() >= kMaxProcesses && !processes_.contains(pid)) processes_.clear();
  Entry& entry = processes_[pid];
  if (entry.exited || (entry.read_at != 0 && now < entry.read_at + kBelieved)) return entry.cgroup;
  entry.read_at = now;
  if (const auto read = Read(pid)) entry.cgroup = *read;
  return entry.cgroup;
}

void ProcessCgroups::OnFork(uint32_t parent, uint32_t child) {
  if (parent == child) return;
  const auto known = processes_.find(parent);
  if (known == processes_.end() || known->second.cgroup == 0) {
    processes_.erase(child);
    return;
  }
  const uint64_t inherited = known->second.cgroup;
  if (processes_.size() < kMaxProcesses) {
    processes_.insert_or_assign(child, Entry{.cgroup = inherited});
  }
}

void ProcessCgroups::OnExec(uint32_t pid) { processes_.erase(pid); }

void ProcessCgroups::OnExit(uint32_t pid) {
  const auto known = processes_.find(pid);
  if (known != processes_.end()) known->second.exited = true;
}

void ProcessCgroups::EndWindow() {
  std::erase_if(processes_, [](const auto& entry) { return entry.second.exited; });
}

}  // namespace sonde
