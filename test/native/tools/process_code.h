#pragma once

#include <sys/types.h>

#include <vector>

#include "core/perf/code_library.h"
#include "core/perf/unwind_loader.h"
#include "core/perf/unwind_processes.h"
#include "core/unwind/unwinder.h"

namespace sonde::test {

/// Unwinds stacks of stopped processes by the code that unwinds samples, but waits for what has to be read first.
class ProcessCode {
 public:
  ProcessCode();

  /// What it has mapped is read anew for its next stack: no records tell of what it has mapped since.
  void Forget(pid_t pid);
  UnwindOutcome Unwind(pid_t pid, const StackSnapshot& snapshot, std::vector<uint64_t>& frames);
  /// The same answers as in the last Unwind.
  CodeMap& Of(pid_t pid, uint64_t instruction);
  /// UnwindOutcome::name in words.
  const std::string& NameOf(const UnwindOutcome& outcome);

 private:
  explicit ProcessCode(UniqueFd wake);
  bool AwaitAnswers();

  UniqueFd wake_;
  UnwindLoader loader_;
  CodeLibrary library_;
  UnwindProcesses processes_;
};

/// As one word.
const char* WordOf(UnwindEnd end);

}  // namespace sonde::test
