// A process that a test prepares and then keeps waiting.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace sonde {

class ChildProcess {
 public:
  /// Forks; the child runs `prepare` and waits if that was true. It must not allocate much: it is the copy of one thread.
  explicit ChildProcess(const std::function<bool()>& prepare) {
    int ready[2];
    if (pipe(ready) != 0) abort();
    pid_ = fork();
    if (pid_ == 0) {
      const char outcome = prepare() ? 'y' : 'n';
      (void)!write(ready[1], &outcome, 1);
      for (;;) pause();
    }
    char outcome = 'n';
    ready_ = read(ready[0], &outcome, 1) == 1 && outcome == 'y';
    close(ready[0]);
    close(ready[1]);
  }
  ~ChildProcess() { End(); }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void End() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }
  bool ready() const { return ready_; }

 private:
  pid_t pid_ = 0;
  bool ready_ = false;
};

}  // namespace sonde
