// The capabilities of the calling thread by the kernel's own calls: libc knows none for one thread. Every function here may
// be called in a signal's handler, and none needs a library, so the launcher uses them too.
#pragma once

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <optional>

namespace sonde {

/// A bit for each capability, at its number.
using CapabilityMask = uint64_t;

constexpr CapabilityMask MaskOf(int capability) { return CapabilityMask{1} << capability; }

/// What capget and capset speak of; the ambient and the bounding set are prctl's.
struct CapabilitySets {
  CapabilityMask effective = 0;
  CapabilityMask permitted = 0;
  CapabilityMask inheritable = 0;
};

/// Nothing, with errno, where a filter of system calls forbids the question.
inline std::optional<CapabilitySets> OwnCapabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> words = {};
  if (syscall(SYS_capget, &header, words.data()) != 0) return std::nullopt;
  const auto join = [](uint32_t low, uint32_t high) { return CapabilityMask{high} << 32 | low; };
  return CapabilitySets{.effective = join(words[0].effective, words[1].effective),
                        .permitted = join(words[0].permitted, words[1].permitted),
                        .inheritable = join(words[0].inheritable, words[1].inheritable)};
}

/// False with errno: EPERM where a set would grow beyond what the thread may have.
inline bool SetOwnCapabilities(const CapabilitySets& sets) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const auto low = [](CapabilityMask mask) { return static_cast<uint32_t>(mask); };
  const auto high = [](CapabilityMask mask) { return static_cast<uint32_t>(mask >> 32); };
  const std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> words = {{
      {low(sets.effective), low(sets.permitted), low(sets.inheritable)},
      {high(sets.effective), high(sets.permitted), high(sets.inheritable)},
  }};
  return syscall(SYS_capset, &header, words.data()) == 0;
}

}  // namespace sonde
