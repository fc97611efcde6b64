#include "core/lines/line_child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/base/unique_fd.h"

namespace sonde {
namespace {

using Clock = LineChildren::Clock;

/// Children that were killed and hang: with more there is no new one.
constexpr size_t kMaxLingering = 4;
/// From a child's last word, or its death by our hand, to its end.
constexpr std::chrono::milliseconds kGrace(200);
/// Libraries, the stack, and room for the mapped file's rounding.
constexpr uint64_t kOtherMappedBytes = 256ULL << 20;
/// Descriptors above those that the child knows by number.
constexpr int kFirstSafeFd = 16;

int MillisecondsUntil(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
}

/// False at the deadline.
bool WaitFor(int fd, short events, Clock::time_point deadline) {
  pollfd waiting = {fd, events, 0};
  for (;;) {
    const int left = MillisecondsUntil(deadline);
    const int ready = poll(&waiting, 1, left);
    if (ready > 0) return true;
    if (ready == 0 && left == 0) return false;
    if (ready < 0 && errno != EINTR) return false;
  }
}

UniqueFd SafeCopy(int fd) { return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, kFirstSafeFd)); }

/// Everything as a new process expects it; Node ignores some signals and blocks others.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    // A group of its own: a Ctrl-C at the terminal is the agent's alone, which ends its children itself.
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

/// The agent's end of a conversation.
class Dialogue {
 public:
  Dialogue(int socket, std::span<const uint64_t> addresses) : socket_(socket) {
    const LineRequestHeader header = {kLineRequestMagic, static_cast<uint32_t>(addresses.size())};
    const auto add = [this](std::span<const std::byte> bytes) {
      unsent_.insert(unsent_.end(), bytes.begin(), bytes.end());
    };
    add(std::as_bytes(std::span(&header, 1)));
    add(std::as_bytes(addresses));
  }

  /// Sends and listens until the child is done, dead or late.
  LineEnd Run(LineAnswers& answers, std::string& problem, Clock::time_point deadline) {
    std::vector<std::byte> received(64 << 10);
    while (!answers.ended()) {
      const bool sending = sent_ < unsent_.size();
      if (!WaitFor(socket_, static_cast<short>(sending ? POLLIN | POLLOUT : POLLIN), deadline)) {
        return LineEnd::kLate;
      }
      if (sending && !Send()) sent_ = unsent_.size();  // it will be read why
      const ssize_t count = recv(socket_, received.data(), received.size(), MSG_DONTWAIT);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) continue;
      if (count <= 0) return LineEnd::kDied;
      const auto taken = answers.Take(std::span(received).first(static_cast<size_t>(count)));
      if (taken) continue;
      problem = taken.error().what;
      return LineEnd::kForbidden;
    }
    problem = answers.problem();
    return LineEnd::kDone;
  }

 private:
  bool Send() {
    const auto rest = std::span(unsent_).subspan(sent_);
    const ssize_t count = send(socket_, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    sent_ += static_cast<size_t>(count);
    return true;
  }

  int socket_;
  std::vector<std::byte> unsent_;
  size_t sent_ = 0;
};

/// Whether the process has ended until then.
bool WaitForEnd(pid_t pid, Clock::time_point deadline) {
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  return !process || WaitFor(process.get(), POLLIN, deadline);
}

std::string HowItDied(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    const char* const name = sigabbrev_np(signal);
    const std::string text = name == nullptr ? std::to_string(signal) : std::string("SIG") + name;
    return "the reader of its DWARF died (" + text + ")";
  }
  return "the reader of its DWARF ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

LineChildren::~LineChildren() { ReapOld(); }

LineConversation LineChildren::Ask(int image_fd, uint64_t file_bytes,
                                   std::span<const uint64_t> addresses,
                                   Clock::time_point deadline) {
  LineConversation conversation(addresses.size());
  const auto fail = [&](std::string problem) {
    conversation.problem = std::move(problem);
    return std::move(conversation);
  };
  if (!ReapOld()) return fail("too many readers of DWARF hang");
  std::array<int, 2> ends = {};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(std::string("socketpair: ") + strerror(errno));
  }
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const auto pid = Spawn(theirs.get(), image_fd, file_bytes);
  theirs.Reset();
  if (!pid) return fail(pid.error().what + ": " + strerror(pid.error().code));
  conversation.end =
      Dialogue(ours.get(), addresses).Run(conversation.answers, conversation.problem, deadline);
  End(*pid, conversation);
  return conversation;
}

Result<pid_t> LineChildren::Spawn(int socket, int image_fd, uint64_t file_bytes) const {
  const UniqueFd safe_socket = SafeCopy(socket);
  const UniqueFd safe_image = SafeCopy(image_fd);
  if (!safe_socket || !safe_image) return SystemError("fcntl(F_DUPFD_CLOEXEC)");
  SpawnPlan plan;
  posix_spawn_file_actions_adddup2(&plan.actions, safe_socket.get(), kLineSocketFd);
  posix_spawn_file_actions_addopen(&plan.actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&plan.actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&plan.actions, safe_image.get(), kLineImageFd);

  std::array<std::string, 4> words = {program_, std::to_string(limits_.data_bytes),
                                      std::to_string(file_bytes + kOtherMappedBytes),
                                      std::to_string(limits_.cpu_seconds)};
  std::array<char*, 5> arguments = {};
  std::transform(words.begin(), words.end(), arguments.begin(),
                 [](std::string& word) { return word.data(); });
  std::array<char*, 1> environment = {};
  pid_t pid = -1;
  const int error = posix_spawn(&pid, program_.c_str(), &plan.actions, &plan.attributes,
                                arguments.data(), environment.data());
  if (error != 0) return Error{error, "exec of " + program_};
  return pid;
}

/// A child that is done or dead ends by itself, all others are killed.
void LineChildren::End(pid_t pid, LineConversation& conversation) {
  const auto soon = [] { return Clock::now() + kGrace; };
  const bool by_itself = conversation.end == LineEnd::kDone || conversation.end == LineEnd::kDied;
  if (!by_itself || !WaitForEnd(pid, soon())) kill(pid, SIGKILL);
  WaitForEnd(pid, soon());
  int status = 0;
  rusage usage = {};
  const pid_t ended = wait4(pid, &status, WNOHANG, &usage);
  if (ended == 0) {
    lingering_.push_back(pid);
    return;
  }
  const auto nanoseconds = [](const timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 +
           static_cast<uint64_t>(time.tv_usec) * 1000;
  };
  conversation.cpu_ns = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
  if (conversation.end == LineEnd::kDied) conversation.problem = HowItDied(status);
  if (conversation.end == LineEnd::kLate) {
    conversation.problem = "reading its DWARF took too long";
  }
}

/// Whether there may be another child.
bool LineChildren::ReapOld() {
  std::erase_if(lingering_, [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
  return lingering_.size() < kMaxLingering;
}

}  // namespace sonde
