#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/base/unique_fd.h"

namespace sonde {

/// How a process ended: one of the two is not 0, or both are.
struct ExitStatus {
  int status = 0;
  int signal = 0;
};

/// A command in a process of its own that waits for Start before it runs, so that it can be sampled from its first
/// instruction. Standard input and output are the agent's, as is the environment.
class Command {
 public:
  /// Forks. The process never runs the command if this object goes before Start.
  static Result<Command> Prepare(const std::vector<std::string>& arguments);
  Command(Command&& other) noexcept;
  Command& operator=(Command&&) = delete;
  ~Command();

  pid_t pid() const { return pid_; }
  /// Lets it exec. Error: why that failed, EPIPE where something killed it before; the process has ended then.
  Status Start();
  void Kill(int signal) const;

  /// Blocks until it has ended. On any thread, once.
  static Result<ExitStatus> Wait(pid_t pid);

 private:
  Command(pid_t pid, std::string name, UniqueFd go, UniqueFd failure)
      : pid_(pid), name_(std::move(name)), go_(std::move(go)), failure_(std::move(failure)) {}

  pid_t pid_ = -1;
  std::string name_;
  /// Closing it without a word ends the process, as when the agent dies.
  UniqueFd go_;
  /// Closed by the exec; otherwise errno comes.
  UniqueFd failure_;
};

}  // namespace sonde
