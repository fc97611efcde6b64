#pragma once

#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/symbols/expendable_thread.h"
#include "core/symbols/jit_process.h"
#include "core/symbols/jit_request.h"

namespace sonde {

/// Names code by what the processes that made it write down. Files are read on a thread that is given up when one of them
/// blocks. Thread-safe; one call at a time is at work.
class JitNamer {
 public:
  /// `max_bytes`: of all that is kept between calls.
  explicit JitNamer(size_t max_bytes) : max_bytes_(max_bytes) {}

  /// One result per request; without a problem where the process has no such file. Takes `limit` at most.
  std::vector<JitResult> Name(std::vector<JitRequest> requests, std::chrono::milliseconds limit);

  size_t cache_bytes() const;

 private:
  struct Kept {
    std::string key;
    std::shared_ptr<JitProcess> process;  ///< also owned by threads that were given up
  };

  JitResult NameOne(JitRequest request, ExpendableThread::Clock::time_point deadline,
                    std::chrono::milliseconds patience);
  std::shared_ptr<JitProcess> Of(const std::string& key);
  void Forget();

  const size_t max_bytes_;
  std::mutex busy_;
  mutable std::mutex mutex_;
  /// The one asked about last comes first. By mutex_.
  std::list<Kept> kept_;
  ExpendableThread thread_;
};

}  // namespace sonde
