#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sonde {

/// What /proc/PID/stat says of a process, as far as filters ask.
struct ProcessTraits {
  uint32_t pid = 0;
  uint32_t parent = 0;
  /// PF_KTHREAD: a thread of the kernel, which never had a program.
  bool kernel_thread = false;
};

/// Nothing where the text is no such file. The process's name may hold anything.
std::optional<ProcessTraits> ParseProcessStat(std::string_view stat);

/// Reads single facts of /proc, each as cheaply as it can be had. Nothing where the process has gone.
class ProcessTraitsReader {
 public:
  explicit ProcessTraitsReader(std::string proc = "/proc") : proc_(std::move(proc)) {}

  std::optional<ProcessTraits> TraitsOf(uint32_t pid) const;
  /// As the agent's user namespace has it.
  std::optional<uint32_t> EffectiveUidOf(uint32_t pid) const;
  /// The name of a thread.
  std::optional<std::string> NameOf(uint32_t pid, uint32_t tid) const;
  /// Whether there is such a process, be it one that has ended and is not waited for yet.
  bool Exists(uint32_t pid) const;
  /// All processes.
  std::vector<ProcessTraits> All() const;

 private:
  std::string FileOf(uint32_t pid, std::string_view name) const;

  std::string proc_;
};

}  // namespace sonde
