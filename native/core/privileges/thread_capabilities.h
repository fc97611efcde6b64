#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "core/privileges/capability_sets.h"

namespace sonde {

/// What a thread gives up. The inheritable and the ambient set in any case: a program that is executed gets none of ours.
struct Surrender {
  /// The thread's own, too, and for good: root would get back at its next exec what its bounding set has.
  bool own = false;
  /// What the bounding set keeps. An executed program can have the rest neither from its file nor by being root's. To drop
  /// anything takes CAP_SETPCAP.
  CapabilityMask bounding = ~CapabilityMask{0};
};

/// Does it to the calling thread. May be called in a signal's handler. The error is an errno, 0 for none.
int GiveUp(const Surrender& surrender);

/// A thread as its /proc/PID/task/TID/status shows it.
struct ThreadCapabilities {
  CapabilitySets sets;
  CapabilityMask ambient = 0;
  CapabilityMask bounding = 0;
  bool no_new_privileges = false;
  /// `S (sleeping)`
  std::string state;

  static ThreadCapabilities Parse(std::string_view status);
  /// Whether nothing is left of what was to be given up.
  bool HasGivenUp(const Surrender& surrender) const;
};

}  // namespace sonde
