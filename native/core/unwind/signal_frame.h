#pragma once

#include "core/unwind/architecture.h"
#include "core/unwind/row.h"

namespace sonde {

/// The frame that the kernel lays for a signal's handler, as the instructions find it that the handler returns to
/// (rt_sigreturn): all registers of what was interrupted, at fixed distances from the stack pointer. For code whose file
/// does not say so itself.
CfiRow SignalReturnRow(const Architecture& architecture);

}  // namespace sonde
