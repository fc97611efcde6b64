#include "core/perf/cpus.h"

#include <unistd.h>

#include <charconv>
#include <optional>

#include "core/base/small_file.h"

namespace sonde {
namespace {

constexpr size_t kMaxCpus = 65536;

/// Takes a number from the left of `text`.
std::optional<uint64_t> TakeNumber(std::string_view& text) {
  uint64_t number = 0;
  const auto [stop, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(stop - text.begin()));
  return number;
}

bool TakeCharacter(std::string_view& text, char character) {
  if (!text.starts_with(character)) return false;
  text.remove_prefix(1);
  return true;
}

/// `cpu0 user nice system idle iowait …`, in 1/100 s (USER_HZ).
void ParseCpuLine(std::string_view line, std::vector<uint64_t>& idle) {
  if (!line.starts_with("cpu")) return;
  line.remove_prefix(3);
  const auto cpu = TakeNumber(line);
  if (!cpu || *cpu >= kMaxCpus) return;
  uint64_t ticks = 0;
  for (int column = 0; column < 5; column++) {
    if (!TakeCharacter(line, ' ')) return;
    const auto value = TakeNumber(line);
    if (!value) return;
    if (column >= 3) ticks += *value;
  }
  if (*cpu >= idle.size()) idle.resize(*cpu + 1);
  idle[*cpu] = ticks * (1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK)));
}

}  // namespace

std::vector<int> ParseCpuList(std::string_view text) {
  std::vector<int> cpus;
  do {
    const auto first = TakeNumber(text);
    if (!first) break;
    const auto last = TakeCharacter(text, '-') ? TakeNumber(text) : first;
    if (!last || *last >= kMaxCpus) break;
    for (uint64_t cpu = *first; cpu <= *last; cpu++) cpus.push_back(static_cast<int>(cpu));
  } while (TakeCharacter(text, ','));
  return cpus;
}

Result<std::vector<int>> ReadCpuList(const std::string& path) {
  const auto text = ReadSmallFile(path, 1 << 16);
  if (!text) return text.error();
  return ParseCpuList(*text);
}

Result<std::vector<int>> OnlineCpus() { return ReadCpuList(kOnlineCpus); }

Result<std::vector<int>> PresentCpus() { return ReadCpuList("/sys/devices/system/cpu/present"); }

std::vector<uint64_t> ParseIdleTimes(std::string_view proc_stat) {
  std::vector<uint64_t> idle;
  while (!proc_stat.empty()) {
    const size_t length = std::min(proc_stat.find('\n'), proc_stat.size());
    ParseCpuLine(proc_stat.substr(0, length), idle);
    proc_stat.remove_prefix(std::min(length + 1, proc_stat.size()));
  }
  return idle;
}

Result<std::vector<uint64_t>> IdleTimes() {
  const auto text = ReadSmallFile("/proc/stat", 4 << 20);
  if (!text) return text.error();
  return ParseIdleTimes(*text);
}

}  // namespace sonde
