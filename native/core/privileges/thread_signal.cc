#include "core/privileges/thread_signal.h"

#include <sys/syscall.h>
#include <unistd.h>

namespace sonde {
namespace {

/// SIGSETXID of glibc (musl's is 34, and lets this one through, too).
constexpr int kThreadSignal = 33;
constexpr size_t kSignalSetBytes = 8;

#if defined(__x86_64__)
constexpr unsigned long kSaRestorer = 0x04000000;

/// How a handler returns to the kernel, which x86-64 leaves to libraries. By its own instructions: it has no stack frame.
[[gnu::naked]] void ReturnFromSignal() {
  asm volatile(
      "movq $15, %rax\n\t"  // rt_sigreturn, as debuggers know it
      "syscall");
}

ThreadSignalHandler::Action ActionOf(ThreadSignalHandler::Handler handler) {
  return {.handler = handler,
          .flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | kSaRestorer,
          .restorer = ReturnFromSignal,
          .mask = ~0UL};
}
#else
ThreadSignalHandler::Action ActionOf(ThreadSignalHandler::Handler handler) {
  return {.handler = handler, .flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK, .mask = ~0UL};
}
#endif

}  // namespace

ThreadSignalHandler::ThreadSignalHandler(Handler handler) {
  const Action action = ActionOf(handler);
  syscall(SYS_rt_sigaction, kThreadSignal, &action, &before_, kSignalSetBytes);
}

void ThreadSignalHandler::Remove() {
  syscall(SYS_rt_sigaction, kThreadSignal, &before_, nullptr, kSignalSetBytes);
}

bool SendThreadSignal(pid_t tid) { return syscall(SYS_tgkill, getpid(), tid, kThreadSignal) == 0; }

}  // namespace sonde
