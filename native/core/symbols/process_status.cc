#include "core/symbols/process_status.h"

#include <charconv>
#include <string>
#include <string_view>

#include "core/base/small_file.h"

namespace sonde {
namespace {

constexpr size_t kMaxProcStatusBytes = 64 << 10;

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

Result<std::string> ReadOfProcess(pid_t pid, const char* name) {
  return ReadSmallFile("/proc/" + std::to_string(pid) + name, kMaxProcStatusBytes);
}

}  // namespace

std::optional<ProcessStatus> ReadProcessStatus(pid_t pid) {
  const auto status = ReadOfProcess(pid, "/status");
  if (!status) return std::nullopt;
  std::string_view uids = FieldOf(*status, "Uid:");
  std::string_view pids = FieldOf(*status, "NSpid:");
  const auto real = TakeDecimal(uids);
  const auto effective = TakeDecimal(uids);
  std::optional<uint64_t> inner;
  while (const auto next = TakeDecimal(pids)) inner = next;
  if (!real || !effective) return std::nullopt;
  return ProcessStatus{.real_uid = static_cast<uid_t>(*real),
                       .effective_uid = static_cast<uid_t>(*effective),
                       .inner_pid = inner ? static_cast<pid_t>(*inner) : pid};
}

std::optional<uint64_t> StartTicksOf(pid_t pid) {
  // Field 22. What is before is counted from behind the name, which may hold anything.
  constexpr int kFieldsBetween = 20;
  const auto stat = ReadOfProcess(pid, "/stat");
  if (!stat) return std::nullopt;
  std::string_view rest = *stat;
  size_t at = rest.rfind(')');
  for (int field = 0; field < kFieldsBetween && at != std::string_view::npos; field++) {
    at = rest.find(' ', at + 1);
  }
  if (at == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(at + 1);
  return TakeDecimal(rest);
}

}  // namespace sonde
