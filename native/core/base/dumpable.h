#pragma once

#include <sys/prctl.h>

#include <mutex>

namespace sonde {

/// While one lives, the process leaves no core dump and lets nobody without privileges look into its memory.
class NotDumpable {
 public:
  NotDumpable() {
    const std::lock_guard lock(mutex_);
    if (alive_++ > 0) return;
    before_ = prctl(PR_GET_DUMPABLE);
    prctl(PR_SET_DUMPABLE, 0);
  }
  ~NotDumpable() {
    const std::lock_guard lock(mutex_);
    // 2 can only be had, not set.
    if (--alive_ == 0 && before_ == 1) prctl(PR_SET_DUMPABLE, 1);
  }
  NotDumpable(const NotDumpable&) = delete;
  NotDumpable& operator=(const NotDumpable&) = delete;

 private:
  static inline std::mutex mutex_;
  static inline int alive_ = 0;
  static inline int before_ = 0;
};

}  // namespace sonde
