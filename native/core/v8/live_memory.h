#pragma once

#include <sys/types.h>

#include <string>

#include "core/v8/memory.h"

namespace sonde {

/// The memory of a live process. A page that somebody serves on demand (userfaultfd, FUSE) may block a read for ever: for
/// threads that may be left behind.
class LiveMemory final : public TargetMemory {
 public:
  explicit LiveMemory(pid_t pid);

  bool Read(uint64_t address, std::span<std::byte> into) override;
  /// Whether the process is still the one that it was when this was made, and may be read.
  bool refused() const { return refused_; }
  bool IsReadable() const { return !refused_ && started_ != "" && StartOf(pid_) == started_; }

 private:
  /// When it was started, as /proc/PID/stat has it; '' where there is none.
  static std::string StartOf(pid_t pid);

  const pid_t pid_;
  const std::string started_;
  bool refused_ = false;
};

}  // namespace sonde
