#pragma once

#include <signal.h>
#include <sys/types.h>

namespace sonde {

/// The handler of a signal that every thread takes: the one by which glibc makes every thread change its user. Its own
/// functions never block that one, neither in sigfillset nor for threads of Node that block all others, and have no name
/// for it; so it is installed and removed by the kernel's own calls. Until it is removed setuid() would wait for ever.
class ThreadSignalHandler {
 public:
  using Handler = void (*)(int, siginfo_t*, void*);

  explicit ThreadSignalHandler(Handler handler);
  /// Puts back what was there. A signal that is still under way would call that.
  void Remove();

  /// What the kernel calls struct sigaction.
  struct Action {
    Handler handler = nullptr;
    unsigned long flags = 0;
    void (*restorer)() = nullptr;
    unsigned long mask = 0;
  };

 private:
  Action before_;
};

/// Sends it to a thread of this process. False where the thread is gone, or too many signals wait.
bool SendThreadSignal(pid_t tid);

}  // namespace sonde
