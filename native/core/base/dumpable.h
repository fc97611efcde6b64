#pragma once

#include <sys/prctl.h>

namespace sonde {

/// While it lives, the process leaves no core dump and lets nobody without privileges look into its memory.
class NotDumpable {
 public:
  NotDumpable() : before_(prctl(PR_GET_DUMPABLE)) { prctl(PR_SET_DUMPABLE, 0); }
  ~NotDumpable() {
    // 2 can only be had, not set.
    if (before_ == 1) prctl(PR_SET_DUMPABLE, 1);
  }
  NotDumpable(const NotDumpable&) = delete;
  NotDumpable& operator=(const NotDumpable&) = delete;

 private:
  int before_;
};

}  // namespace sonde
