#include "tools/process_code.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/clock.h"

namespace sonde::test {
namespace {

constexpr size_t kMostRowBytes = 256 << 20;
constexpr int kPatienceMs = 10'000;

}  // namespace

ProcessCode::ProcessCode() : ProcessCode(UniqueFd(eventfd(0, EFD_CLOEXEC))) {}

ProcessCode::ProcessCode(UniqueFd wake)
    : wake_(std::move(wake)),
      loader_(UniqueFd(fcntl(wake_.get(), F_DUPFD_CLOEXEC, 0))),
      library_(loader_, kMostRowBytes),
      processes_(loader_, library_) {}

CodeMap& ProcessCode::Of(pid_t pid, uint64_t instruction) {
  return processes_.CodeOf(static_cast<uint32_t>(pid), MonotonicNow(), instruction);
}

void ProcessCode::Forget(pid_t pid) {
  const auto number = static_cast<uint32_t>(pid);
  processes_.Apply({.kind = ProcessEventKind::kExit, .pid = number, .tid = number});
  // Who has ended is kept for the window in which it was sampled.
  processes_.ForgetPast();
  processes_.ForgetPast();
}

UnwindOutcome ProcessCode::Unwind(pid_t pid, const StackSnapshot& snapshot,
                                  std::vector<uint64_t>& frames) {
  while (true) {
    frames.clear();
    const UnwindOutcome outcome =
        Unwinder(kThisArchitecture).Unwind(snapshot, Of(pid, snapshot.instruction), frames);
    if (outcome.end != UnwindEnd::kPending || !AwaitAnswers()) return outcome;
  }
}

bool ProcessCode::AwaitAnswers() {
  pollfd ready = {.fd = wake_.get(), .events = POLLIN, .revents = 0};
  uint64_t count;
  if (poll(&ready, 1, kPatienceMs) != 1) return false;
  if (read(wake_.get(), &count, sizeof(count)) != sizeof(count)) return false;
  auto answers = loader_.Take();
  for (auto& process : answers.processes) processes_.Add(std::move(process));
  for (auto& image : answers.images) library_.Add(std::move(image), MonotonicNow());
  return true;
}

const std::string& ProcessCode::NameOf(const UnwindOutcome& outcome) {
  return library_.names().names()[outcome.name];
}

const char* WordOf(UnwindEnd end) {
  switch (end) {
    case UnwindEnd::kComplete:
      return "complete";
    case UnwindEnd::kPending:
      return "pending";
    case UnwindEnd::kUnverified:
      return "unverified";
    case UnwindEnd::kStackBytes:
      return "stack-bytes";
    case UnwindEnd::kOtherStack:
      return "other-stack";
    case UnwindEnd::kDepth:
      return "depth";
    case UnwindEnd::kKernelDepth:
      return "kernel-depth";
    case UnwindEnd::kNoRows:
      return "no-rows";
    case UnwindEnd::kUnreadableRows:
      return "unreadable-rows";
    case UnwindEnd::kLateRows:
      return "late-rows";
    case UnwindEnd::kNoFile:
      return "no-file";
    case UnwindEnd::kCostlyRows:
      return "costly-rows";
    case UnwindEnd::kFramePointer:
      return "frame-pointer";
    case UnwindEnd::kReturnAddress:
      return "return-address";
    case UnwindEnd::kRegisters:
      return "registers";
    case UnwindEnd::kNotCaptured:
      return "not-captured";
  }
  return "";
}

}  // namespace sonde::test
