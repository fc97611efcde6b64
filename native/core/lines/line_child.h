#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/lines/line_answers.h"

namespace sonde {

/// What one child may use.
struct LineLimits {
  uint64_t data_bytes = 512ULL << 20;  ///< memory that it writes to
  uint64_t cpu_seconds = 30;
};

/// How a conversation with a child ended.
enum class LineEnd : uint8_t {
  kDone,
  /// It went without a word: a signal, as a rule.
  kDied,
  /// It was killed at the deadline.
  kLate,
  /// It was killed for what it said.
  kForbidden,
  /// There was none.
  kNotStarted,
};

struct LineConversation {
  explicit LineConversation(size_t addresses) : answers(addresses) {}

  LineAnswers answers;
  LineEnd end = LineEnd::kNotStarted;
  /// In words, for a person; empty where all is well.
  std::string problem;
  uint64_t cpu_ns = 0;
};

/// Runs sonde-lines, one process for one file: what a hostile file makes of it ends with it, and another file's answers
/// cannot be touched. Never waits longer than its deadline and a moment, whatever the child does. One call at a time.
class LineChildren {
 public:
  using Clock = std::chrono::steady_clock;

  explicit LineChildren(std::string program, LineLimits limits = {})
      : program_(std::move(program)), limits_(limits) {}
  ~LineChildren();
  LineChildren(const LineChildren&) = delete;
  LineChildren& operator=(const LineChildren&) = delete;

  /// Asks for `addresses` (svma, ascending, kMaxLineAddresses at most) of the file `image_fd` of `file_bytes`. What came
  /// before an early end is in the answers.
  LineConversation Ask(int image_fd, uint64_t file_bytes, std::span<const uint64_t> addresses,
                       Clock::time_point deadline);

 private:
  Result<pid_t> Spawn(int socket, int image_fd, uint64_t file_bytes) const;
  void End(pid_t pid, LineConversation& conversation);
  bool ReapOld();

  const std::string program_;
  const LineLimits limits_;
  /// Killed and not gone yet: they hang in a system call, such as a page of a dead file server.
  std::vector<pid_t> lingering_;
};

}  // namespace sonde
