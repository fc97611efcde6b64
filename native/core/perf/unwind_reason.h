#pragma once

#include <string>

#include "core/unwind/unwinder.h"

namespace sonde {

/// What a stack that lacks frames ends with; empty for one that lacks none. `file`: what UnwindOutcome::name stands for.
std::string ReasonOf(UnwindEnd end, const std::string& file);

}  // namespace sonde
