#pragma once

#include "core/symbols/target_file.h"

namespace sonde {

/// A copy of the agent's own vdso. Every 64-bit process of the same kernel has the same image.
/// Error: ENOENT where the agent has none.
Result<TargetFile> OpenVdso();

}  // namespace sonde
