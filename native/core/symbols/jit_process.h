#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "core/symbols/code_file.h"
#include "core/symbols/jit_request.h"
#include "core/symbols/jitdump.h"
#include "core/symbols/perf_map.h"
#include "core/symbols/read_budget.h"

namespace sonde {

/// What a process has said so far of the code that it made. Used by one thread at a time.
class JitProcess {
 public:
  /// `max_functions` are kept of each source.
  explicit JitProcess(size_t max_functions);

  /// Reads what is new and names the addresses as they were in the request's window: code that took the place of other
  /// code within the window has no name.
  JitResult Name(const JitRequest& request);

  size_t bytes() const { return bytes_; }

 private:
  CodeMaker MakerOf(const JitRequest& request);
  void Restart();
  JitResult NameByJitdump(const JitRequest& request, const CodeMaker& maker);
  JitResult NameByPerfMap(const JitRequest& request, const CodeMaker& maker);

  const size_t max_functions_;
  /// Of the process when it was last seen.
  std::optional<ProcessFacts> facts_;
  Jitdump jitdump_;
  PerfMap perf_map_;
  ReadBudget budget_;
  std::atomic<size_t> bytes_ = 0;
};

}  // namespace sonde
