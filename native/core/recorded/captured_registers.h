#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/unwind/architecture.h"

namespace sonde {

/// The user's registers of a sample as unwinding wants them.
struct CapturedRegisters {
  RegisterSet registers = {};
  uint64_t instruction = 0;
};

/// `mask`: bits of perf's numbers for the architecture's registers (asm/perf_regs.h), of which `values` has one each,
/// ascending. Nothing where the instruction or the stack pointer is not among them.
std::optional<CapturedRegisters> ReadCapturedRegisters(const Architecture& architecture,
                                                       uint64_t mask,
                                                       std::span<const uint64_t> values);

}  // namespace sonde
