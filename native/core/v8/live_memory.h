#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "core/symbols/process_status.h"
#include "core/v8/memory.h"

namespace sonde {

/// The memory of a live process. A page that somebody serves on demand (userfaultfd, FUSE) may block a read for ever: for
/// threads that may be left behind.
class LiveMemory final : public TargetMemory {
 public:
  explicit LiveMemory(pid_t pid);

  bool Read(uint64_t address, std::span<std::byte> into) override;
  /// Whether a read failed because the process may not be read, or has ended.
  bool refused() const { return refused_; }
  /// Whether the process is still the one that it was when this was made, and may be read.
  bool IsReadable() const { return !refused_ && started_ && StartTicksOf(pid_) == started_; }

 private:
  const pid_t pid_;
  const std::optional<uint64_t> started_;
  bool refused_ = false;
};

}  // namespace sonde
