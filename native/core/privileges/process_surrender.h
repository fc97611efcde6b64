#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/privileges/thread_capabilities.h"

namespace sonde {

struct SurrenderReport {
  struct Failure {
    pid_t tid = 0;
    std::string name;
    /// `it did not answer within 1000 ms (D (disk sleep))`
    std::string reason;
  };
  /// Those that have given it up.
  size_t threads = 0;
  /// Those that have not.
  std::vector<Failure> failed;
  /// Whether the bounding set was to be narrowed and could not be: CAP_SETPCAP is missing.
  bool bounding_kept = false;
};

/// Makes every thread of this process give up capabilities: they are a thread's own in Linux, and most threads were
/// there before any code of ours. As libc does it for setuid, each thread gets a signal whose handler makes the system
/// calls; the one that libc uses, because no thread blocks that one. Looks at /proc/self/task until none is left that
/// has not: a thread may have begun others meanwhile. Threads that do not answer within `patience` are reported.
///
/// One at a time; nobody may change the process's user meanwhile. The calling thread is done even where the error is that
/// /proc cannot be read.
Result<SurrenderReport> GiveUpInEveryThread(Surrender surrender,
                                            std::chrono::milliseconds patience);

}  // namespace sonde
