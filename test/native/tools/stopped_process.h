#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/unwind/architecture.h"

namespace sonde::test {

/// A process none of whose threads runs, by ptrace, as long as this lives. One that was stopped by a signal before stays
/// stopped afterwards, and has executed nothing meanwhile: another debugger then finds it as it is here.
class StoppedProcess {
 public:
  struct Thread {
    pid_t tid = 0;
    std::string comm = {};
    uint64_t instruction = 0;
    RegisterSet registers = {};
  };
  struct Memory {
    std::vector<std::byte> bytes = {};
    /// It goes on.
    bool cut = false;
  };

  /// Threads that end meanwhile are left out. Error: that of the system call that failed.
  static Result<StoppedProcess> Stop(pid_t pid);
  ~StoppedProcess();
  StoppedProcess(StoppedProcess&& other) = default;

  pid_t pid() const { return pid_; }
  const std::vector<Thread>& threads() const { return threads_; }
  /// From `address` to the end of its mapping, but not more than 8 MiB; empty where nothing is mapped.
  Memory MemoryFrom(uint64_t address) const;
  /// What the kernel finds by following frame pointers, as a sample's call chain has it: the instruction itself first, 127
  /// addresses at most.
  std::vector<uint64_t> ChainOf(const Thread& thread) const;

 private:
  StoppedProcess(pid_t pid, UniqueFd memory) : pid_(pid), memory_(std::move(memory)) {}

  Status StopThread(pid_t tid);

  pid_t pid_;
  UniqueFd memory_;
  std::vector<Thread> threads_;
};

}  // namespace sonde::test
