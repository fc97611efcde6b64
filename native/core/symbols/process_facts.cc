#include "core/symbols/process_facts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "core/base/clock.h"

namespace sonde {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

/// The clock of start times goes on while the machine sleeps.
uint64_t MonotonicOf(uint64_t ticks) {
  const auto per_second = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  const uint64_t since_boot = ticks * (kNanosecondsPerSecond / per_second);
  const uint64_t monotonic = MonotonicNow();
  const uint64_t slept = ClockNow(CLOCK_BOOTTIME) - monotonic;
  return since_boot > slept ? since_boot - slept : 0;
}

ProcessFacts::Tmp TmpOf(const std::string& process) {
  struct stat its = {};
  struct stat agents = {};
  if (stat((process + "/root/").c_str(), &its) != 0) return ProcessFacts::Tmp::kGone;
  const bool both =
      lstat((process + "/root/tmp").c_str(), &its) == 0 && lstat("/tmp", &agents) == 0;
  const bool same = both && its.st_dev == agents.st_dev && its.st_ino == agents.st_ino;
  return same ? ProcessFacts::Tmp::kAgents : ProcessFacts::Tmp::kAnother;
}

}  // namespace

std::optional<ProcessFacts> ReadProcessFacts(pid_t pid) {
  const auto ticks = StartTicksOf(pid);
  const auto status = ReadProcessStatus(pid);
  if (!ticks || !status) return std::nullopt;
  ProcessFacts facts{*status};
  facts.start_ticks = *ticks;
  facts.began = MonotonicOf(*ticks);
  facts.tmp = TmpOf("/proc/" + std::to_string(pid));
  return facts;
}

}  // namespace sonde
