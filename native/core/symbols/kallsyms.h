#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace sonde {

/// A line of /proc/kallsyms: `ffffffff81000000 T _text`, or with `[module]` behind the name.
struct KallsymsLine {
  uint64_t avma;
  char type;
  std::string_view name;
  std::string_view module;  ///< without brackets; empty for the kernel itself
};

/// Calls `visit` for each line until it returns false.
Status ReadKallsyms(const std::string& path, const std::function<bool(const KallsymsLine&)>& visit);

}  // namespace sonde
