#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/unique_fd.h"
#include "core/perf/cpus.h"

namespace sonde {

/// Which CPUs are online, as that changes. The kernel's word of it (a uevent) comes at once, but not in every network
/// namespace; the list is read every second, too. Used by one thread.
class CpuWatch {
 public:
  struct Look {
    std::vector<int> online;
    /// The kernel said that something happened to a CPU: it may have gone and come back.
    bool heard = false;
  };

  /// `list`: where the CPUs that are online stand, as /sys/devices/system/cpu/online has them.
  explicit CpuWatch(std::string list = kOnlineCpus);

  /// Readable when the kernel has said something of a device; -1 where it says nothing.
  int fd() const { return uevents_.get(); }
  /// Nothing where it is not yet time to look again, or the list cannot be read.
  std::optional<Look> LookAt(uint64_t now);
  /// Whatever has been seen is not believed: the next look is at once.
  void LookAgain() { looked_at_ = 0; }

 private:
  bool Hear() const;

  const std::string list_;
  UniqueFd uevents_;
  uint64_t looked_at_ = 0;
};

/// Whether a uevent (lib/kobject_uevent.c: `ACTION@PATH`, then variables) is of a CPU that came or went.
bool IsCpuChange(std::string_view uevent);

}  // namespace sonde
