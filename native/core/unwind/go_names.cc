#include "core/unwind/go_names.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string_view>

namespace sonde {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view kRuntime = "runtime.";
/// With its end; a longer name is none of these.
constexpr size_t kLongestGoName = 64;
/// Names occur once; a file that repeats them must not make the agent remember each.
constexpr size_t kMaxGoRoles = 1000;

struct NamedRole {
  std::string_view name;
  GoRole role;
};

/// From runtime/asm_amd64.s, asm_arm64.s, sys_linux_*.s of Go 1.2 to 1.26. Those that switch are marked in the table since
/// Go 1.17; clocks call the kernel's vDSO on the thread's stack.
constexpr NamedRole kGoRoles[] = {
    {"goexit\0"sv, GoRole::kEntry},
    {"mstart\0"sv, GoRole::kEntry},
    {"rt0_go\0"sv, GoRole::kEntry},
    {"mcall\0"sv, GoRole::kCallsOnThread},
    {"morestack\0"sv, GoRole::kGrowsStack},
    {"newstack\0"sv, GoRole::kNewstack},
    {"asmcgocall\0"sv, GoRole::kSwitches},
    {"gogo\0"sv, GoRole::kSwitches},
    {"systemstack\0"sv, GoRole::kSwitches},
    {"nanotime\0"sv, GoRole::kSwitches},
    {"nanotime1\0"sv, GoRole::kSwitches},
    {"walltime\0"sv, GoRole::kSwitches},
    {"walltime1\0"sv, GoRole::kSwitches},
    {"cgocallback\0"sv, GoRole::kSwitchesWithFrame},
    {"cgocallback_gofunc\0"sv, GoRole::kSwitchesWithFrame},
    {"sigreturn\0"sv, GoRole::kSignalReturn},
    {"sigreturn__sigaction\0"sv, GoRole::kSignalReturn},
};

std::optional<GoRole> RoleAt(std::string_view text) {
  const auto found = std::ranges::find_if(
      kGoRoles, [&](const NamedRole& named) { return text.starts_with(named.name); });
  return found == std::end(kGoRoles) ? std::nullopt : std::optional(found->role);
}

}  // namespace

GoNames GoNames::Find(const TargetFile& file, FileRange range) {
  GoNames names;
  FileWindow window(file, range);
  uint64_t at = 0;
  while (names.roles_.size() < kMaxGoRoles) {
    const auto bytes = window.From(at, kLongestGoName);
    if (bytes.size() < kRuntime.size()) break;
    const auto* found = static_cast<const uint8_t*>(
        memmem(bytes.data(), bytes.size(), kRuntime.data(), kRuntime.size()));
    const size_t skipped = found == nullptr ? bytes.size() - kRuntime.size() + 1
                                            : static_cast<size_t>(found - bytes.data());
    at += skipped;
    if (found == nullptr) continue;
    const auto rest = window.From(at, kLongestGoName);
    const auto role =
        RoleAt(std::string_view(reinterpret_cast<const char*>(rest.data()), rest.size())
                   .substr(std::min(rest.size(), kRuntime.size())));
    if (role) names.roles_.emplace(static_cast<uint32_t>(at), *role);
    at += kRuntime.size();
  }
  return names;
}

std::optional<GoRole> GoNames::RoleOf(uint32_t offset) const {
  const auto found = roles_.find(offset);
  return found == roles_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace sonde
