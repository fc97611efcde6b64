#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/lines/line_cache.h"
#include "core/lines/line_child.h"
#include "core/lines/line_result.h"
#include "core/lines/line_source.h"
#include "core/symbols/expendable_thread.h"
#include "core/symbols/naming.h"
#include "core/symbols/symbol_options.h"

namespace sonde {

/// Figures since the start.
struct LineStats {
  uint64_t children = 0;   ///< started
  uint64_t died = 0;       ///< of a hostile or broken file, as a rule
  uint64_t late = 0;       ///< killed at their deadline
  uint64_t forbidden = 0;  ///< killed for what they said
  uint64_t refused = 0;    ///< questions that were not asked: the file's reader had failed lately
  uint64_t cpu_ns = 0;     ///< of all children
};

struct LineReaderOptions {
  std::string program;  ///< path of sonde-lines
  /// Of its sources a separate debug file has DWARF; without that, DWARF is read of the images alone.
  SymbolOptions symbols;
  size_t max_cache_bytes = 8 << 20;
  LineLimits limits;
  /// How long a file is left alone whose reader failed; twice as long each time that it fails again.
  std::chrono::seconds refusal{60};
};

/// Finds source lines and inlined functions of processes' files by DWARF, which only a child process reads
/// (docs/decisions/0011-lines-in-a-child.md). Thread-safe; one call at a time is at work.
class LineReader {
 public:
  using Clock = ExpendableThread::Clock;

  explicit LineReader(LineReaderOptions options);

  /// One result per request. Takes `limit` at most, and a moment; what was not reached by then has a problem, what
  /// came is kept and not asked again.
  std::vector<LineResult> Read(const std::vector<NameRequest>& requests,
                               std::chrono::milliseconds limit);

  LineStats stats() const;
  size_t cache_bytes() const { return cache_bytes_; }

 private:
  struct Refusal {
    Clock::time_point until;
    std::chrono::seconds length;
    std::string reason;
  };

  LineResult ReadOne(const NameRequest& request, Clock::time_point deadline);
  std::string Learn(const NameRequest& request, const LineSource& source, const std::string& key,
                    Clock::time_point deadline);
  Result<LineSource> Open(const NameRequest& request, Clock::time_point deadline);
  std::string AskChildren(const TargetFile& dwarf, const std::string& key,
                          const std::vector<AskedAddress>& asked, Clock::time_point deadline);
  bool Failed(const LineConversation& conversation);
  const Refusal* RefusalOf(const std::string& key) const;
  void Refuse(const std::string& key, const std::string& reason);

  const LineReaderOptions options_;
  std::mutex busy_;
  std::shared_ptr<LineSources> sources_;  ///< also owned by threads that were given up
  ExpendableThread thread_;
  LineChildren children_;
  LineCache cache_;
  std::atomic<size_t> cache_bytes_ = 0;
  std::map<std::string, Refusal> refusals_;
  mutable std::mutex stats_mutex_;
  LineStats stats_;
};

}  // namespace sonde
