#include "core/perf/process_traits.h"

#include <unistd.h>

#include <charconv>

#include "core/base/small_file.h"
#include "core/perf/proc_reader.h"

namespace sonde {
namespace {

constexpr size_t kMaxTraitsBytes = 16 << 10;
/// include/linux/sched.h
constexpr uint64_t kKernelThreadFlag = 0x00200000;

std::optional<uint64_t> DecimalAt(std::string_view text, size_t at) {
  uint64_t value = 0;
  if (at >= text.size()) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

}  // namespace

std::optional<ProcessTraits> ParseProcessStat(std::string_view stat) {
  // `pid (name) state parent group session terminal group flags …`
  constexpr int kParent = 2;
  constexpr int kFlags = 7;
  const auto pid = DecimalAt(stat, 0);
  size_t at = stat.rfind(')');
  if (!pid || at == std::string_view::npos) return std::nullopt;
  ProcessTraits traits{.pid = static_cast<uint32_t>(*pid)};
  for (int field = 1; field <= kFlags; field++) {
    at = stat.find(' ', at + 1);
    if (at == std::string_view::npos) return std::nullopt;
    if (field != kParent && field != kFlags) continue;
    const auto value = DecimalAt(stat, at + 1);
    if (!value) return std::nullopt;
    if (field == kParent) traits.parent = static_cast<uint32_t>(*value);
    if (field == kFlags) traits.kernel_thread = (*value & kKernelThreadFlag) != 0;
  }
  return traits;
}

std::string ProcessTraitsReader::FileOf(uint32_t pid, std::string_view name) const {
  return proc_ + "/" + std::to_string(pid) + std::string(name);
}

std::optional<ProcessTraits> ProcessTraitsReader::TraitsOf(uint32_t pid) const {
  const auto stat = ReadSmallFile(FileOf(pid, "/stat"), kMaxTraitsBytes);
  if (!stat) return std::nullopt;
  return ParseProcessStat(*stat);
}

std::optional<uint32_t> ProcessTraitsReader::EffectiveUidOf(uint32_t pid) const {
  const auto status = ReadSmallFile(FileOf(pid, "/status"), kMaxTraitsBytes);
  if (!status) return std::nullopt;
  // `Uid:	real	effective	saved	file system`. The name, which stands before it, is escaped: it makes no line.
  constexpr std::string_view kUids = "\nUid:\t";
  const size_t real = status->find(kUids);
  if (real == std::string::npos) return std::nullopt;
  const size_t effective = status->find('\t', real + kUids.size());
  if (effective == std::string::npos) return std::nullopt;
  const auto uid = DecimalAt(*status, effective + 1);
  if (!uid) return std::nullopt;
  return static_cast<uint32_t>(*uid);
}

std::optional<std::string> ProcessTraitsReader::NameOf(uint32_t pid, uint32_t tid) const {
  auto name = ReadSmallFile(FileOf(pid, "/task/" + std::to_string(tid) + "/comm"), kMaxTraitsBytes);
  if (!name) return std::nullopt;
  if (name->ends_with('\n')) name->pop_back();
  return std::move(*name);
}

bool ProcessTraitsReader::Exists(uint32_t pid) const {
  return access(FileOf(pid, "").c_str(), F_OK) == 0;
}

std::vector<ProcessTraits> ProcessTraitsReader::All() const {
  std::vector<ProcessTraits> all;
  for (const pid_t pid : ProcReader(proc_).Processes()) {
    if (const auto traits = TraitsOf(static_cast<uint32_t>(pid))) all.push_back(*traits);
  }
  return all;
}

}  // namespace sonde
