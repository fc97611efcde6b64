#include "core/symbols/process_facts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/small_file.h"

namespace sonde {
namespace {

constexpr size_t kMaxProcStatusBytes = 64 << 10;
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;

/// The rest of the line that begins with `label`. The process's name is escaped, so it makes no line.
std::string_view FieldOf(std::string_view status, std::string_view label) {
  const std::string begin = '\n' + std::string(label) + '\t';
  const size_t at = status.find(begin);
  if (at == std::string_view::npos) return {};
  status.remove_prefix(at + begin.size());
  return status.substr(0, status.find('\n'));
}

/// The number that `text` begins with; it and the blank behind it are taken away.
std::optional<uint64_t> TakeDecimal(std::string_view& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (!text.empty()) text.remove_prefix(1);
  return value;
}

/// Field 22 of /proc/PID/stat, in ticks since the machine was started. What is before is counted from behind the name,
/// which may hold anything.
std::optional<uint64_t> StartTicks(std::string_view stat) {
  constexpr int kFieldsBetween = 20;
  size_t at = stat.rfind(')');
  for (int field = 0; field < kFieldsBetween && at != std::string_view::npos; field++) {
    at = stat.find(' ', at + 1);
  }
  if (at == std::string_view::npos) return std::nullopt;
  stat.remove_prefix(at + 1);
  return TakeDecimal(stat);
}

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
  const std::string process = "/proc/" + std::to_string(pid);
  const auto stat = ReadSmallFile(process + "/stat", kMaxProcStatusBytes);
  const auto status = ReadSmallFile(process + "/status", kMaxProcStatusBytes);
  if (!stat || !status) return std::nullopt;
  std::string_view uids = FieldOf(*status, "Uid:");
  std::string_view pids = FieldOf(*status, "NSpid:");
  const auto real = TakeDecimal(uids);
  const auto effective = TakeDecimal(uids);
  std::optional<uint64_t> inner;
  while (const auto next = TakeDecimal(pids)) inner = next;
  const auto ticks = StartTicks(*stat);
  if (!real || !effective || !ticks) return std::nullopt;
  ProcessFacts facts;
  facts.real_uid = static_cast<uid_t>(*real);
  facts.effective_uid = static_cast<uid_t>(*effective);
  facts.inner_pid = inner ? static_cast<pid_t>(*inner) : pid;
  facts.start_ticks = *ticks;
  facts.began = MonotonicOf(*ticks);
  facts.tmp = TmpOf(process);
  return facts;
}

}  // namespace sonde
