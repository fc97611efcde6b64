#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "core/symbols/target_file.h"
#include "core/unwind/file_window.h"

namespace sonde {

/// What a function of the runtime does with stacks.
enum class GoRole : uint8_t {
  /// Begins a stack.
  kEntry,
  /// Leaves a goroutine's stack for good, and makes one call on the thread's (runtime.mcall).
  kCallsOnThread,
  /// The same where a stack has to grow (runtime.morestack): calls what is kNewstack.
  kGrowsStack,
  kNewstack,
  /// Calls on another stack and comes back.
  kSwitches,
  /// Changes stacks so that its frame is right on both.
  kSwitchesWithFrame,
  kSignalReturn,
};

/// The functions of the runtime that unwinding must know, by the place of their names. Names are kept in stripped
/// programs too: the runtime needs them.
class GoNames {
 public:
  /// Looks through `names` once.
  static GoNames Find(const TargetFile& file, FileRange names);

  /// `offset`: of a function's name among the names.
  std::optional<GoRole> RoleOf(uint32_t offset) const;

 private:
  std::unordered_map<uint32_t, GoRole> roles_;
};

}  // namespace sonde
