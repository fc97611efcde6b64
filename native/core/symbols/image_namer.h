#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <vector>

#include "core/symbols/expendable_thread.h"
#include "core/symbols/image_library.h"
#include "core/symbols/naming.h"
#include "core/symbols/symbol_options.h"

namespace sonde {

/// Names addresses of processes' files. Files are read on a thread that is given up when one of them blocks, so that a
/// dead file server or a hostile target costs its own names only. Thread-safe; one call at a time is at work.
class ImageNamer {
 public:
  explicit ImageNamer(size_t max_cache_bytes, const SymbolOptions& options = {});

  /// One result per request. Takes `limit` at most; what was not reached by then has a problem. A request without
  /// addresses gives the identity of its image only, which is quick.
  std::vector<NameResult> Name(std::vector<NameRequest> requests, std::chrono::milliseconds limit);

  size_t cache_bytes() const { return library_->bytes(); }

 private:
  NameResult NameOne(NameRequest request, ExpendableThread::Clock::time_point deadline,
                     std::chrono::milliseconds patience);

  std::shared_ptr<ImageLibrary> library_;  ///< also owned by threads that were given up
  std::mutex busy_;
  ExpendableThread thread_;
};

/// The same without a limit, on the caller's thread.
NameResult NameAddresses(const NameRequest& request, ImageLibrary& library);

}  // namespace sonde
