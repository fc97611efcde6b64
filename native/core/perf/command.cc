#include "core/perf/command.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace sonde {
namespace {

/// What the child needs, made before the fork: after it, another thread's lock may be held for ever, so only
/// async-signal-safe calls are left.
struct Plan {
  std::vector<std::string> arguments;
  /// Where the program may be, in the order of PATH.
  std::vector<std::string> places;
  std::vector<char*> argv;
  /// The same through the shell, for a script without `#!`; the first places are set later.
  std::vector<char*> shell_argv;
};

std::vector<std::string> PlacesOf(const std::string& program) {
  if (program.find('/') != std::string::npos) return {program};
  const char* variable = getenv("PATH");
  std::string path = variable == nullptr ? "/usr/local/bin:/usr/bin:/bin" : variable;
  std::vector<std::string> places;
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find(':', start), path.size());
    const std::string directory = path.substr(start, end - start);
    places.push_back(directory.empty() ? program : directory + "/" + program);
    start = end + 1;
  }
  return places;
}

Plan MakePlan(const std::vector<std::string>& arguments) {
  Plan plan{.arguments = arguments, .places = PlacesOf(arguments[0]), .argv = {}, .shell_argv = {}};
  for (std::string& argument : plan.arguments) plan.argv.push_back(argument.data());
  plan.argv.push_back(nullptr);
  plan.shell_argv = plan.argv;
  // sh takes the script's place as its first argument.
  plan.shell_argv.insert(plan.shell_argv.begin(), nullptr);
  return plan;
}

/// Signals as a new process expects them: Node ignores some and blocks others.
void ResetSignals() {
  struct sigaction initial = {};
  initial.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; signal++) sigaction(signal, &initial, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Node marks its standard streams close-on-exec, and makes some non-blocking, which many programs do not expect.
void PassStreamsOn() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const int flags = fcntl(fd, F_GETFL);
    if (flags < 0) continue;
    fcntl(fd, F_SETFD, 0);
    if ((flags & O_NONBLOCK) != 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  }
}

/// As execvp: a place that has no such program, or one that may not be run, is passed over.
int Exec(Plan& plan) {
  int failure = ENOENT;
  for (std::string& place : plan.places) {
    execve(place.c_str(), plan.argv.data(), environ);
    if (errno == ENOEXEC) {
      plan.shell_argv[0] = plan.argv[0];
      plan.shell_argv[1] = place.data();
      execve("/bin/sh", plan.shell_argv.data(), environ);
      return errno;
    }
    if (errno == EACCES) {
      failure = EACCES;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      return errno;
    }
  }
  return failure;
}

[[noreturn]] void RunChild(Plan& plan, int go, int failure) {
  ResetSignals();
  char word = 0;
  ssize_t bytes = 0;
  do {
    bytes = read(go, &word, 1);
  } while (bytes < 0 && errno == EINTR);
  // The other end was closed: the agent is gone, or has changed its mind.
  if (bytes != 1) _exit(127);
  PassStreamsOn();
  const int code = Exec(plan);
  (void)!write(failure, &code, sizeof(code));
  _exit(127);
}

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Result<Pipe> MakePipe() {
  std::array<int, 2> ends = {};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return SystemError("pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

Result<Command> Command::Prepare(const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0].empty()) return Error{ENOENT, "exec of an empty name"};
  auto go = MakePipe();
  if (!go) return go.error();
  auto failure = MakePipe();
  if (!failure) return failure.error();
  Plan plan = MakePlan(arguments);

  // No signal may run a handler of ours in the child.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) {
    go->write_end.Reset();
    RunChild(plan, go->read_end.get(), failure->write_end.get());
  }
  const int fork_error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return Error{fork_error, "fork"};
  return Command(pid, arguments[0], std::move(go->write_end), std::move(failure->read_end));
}

Command::Command(Command&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      name_(std::move(other.name_)),
      go_(std::move(other.go_)),
      failure_(std::move(other.failure_)) {}

Command::~Command() {
  if (pid_ < 0 || !go_) return;
  // It was never started. Closing our end might not do: a process that was forked later has a copy of it.
  Kill(SIGKILL);
  (void)Wait(pid_);
}

Status Command::Start() {
  if (!go_) return Error{EALREADY, "exec(" + name_ + ")"};
  const char word = 1;
  const ssize_t told = write(go_.get(), &word, 1);
  if (told != 1) {
    // It was killed while it waited.
    Error error = SystemError("exec(" + name_ + ")");
    Kill(SIGKILL);
    (void)Wait(pid_);
    pid_ = -1;
    go_.Reset();
    return error;
  }
  go_.Reset();
  int code = 0;
  ssize_t bytes = 0;
  do {
    bytes = read(failure_.get(), &code, sizeof(code));
  } while (bytes < 0 && errno == EINTR);
  failure_.Reset();
  if (bytes != sizeof(code)) return Ok();
  (void)Wait(pid_);
  pid_ = -1;
  return Error{code, "exec(" + name_ + ")"};
}

void Command::Kill(int signal) const {
  if (pid_ > 0) kill(pid_, signal);
}

Result<ExitStatus> Command::Wait(pid_t pid) {
  int status = 0;
  pid_t waited = 0;
  do {
    waited = waitpid(pid, &status, 0);
  } while (waited < 0 && errno == EINTR);
  if (waited < 0) return SystemError("waitpid(" + std::to_string(pid) + ")");
  if (WIFSIGNALED(status)) return ExitStatus{.status = 0, .signal = WTERMSIG(status)};
  return ExitStatus{.status = WEXITSTATUS(status), .signal = 0};
}

}  // namespace sonde
