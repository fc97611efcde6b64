#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/base/result.h"
#include "core/unwind/architecture.h"

namespace sonde {

/// Memory of the sampled thread, as far as it is known.
class StackMemory {
 public:
  virtual ~StackMemory() = default;
  /// The word at `address`, which need not be aligned; nothing where it is not known.
  virtual std::optional<uint64_t> Word(uint64_t address) const = 0;
};

/// Evaluates a DWARF expression (DWARF 5, section 2.5) of CFI. `initial`: what lies on its stack at the beginning.
/// Error: E2BIG after 1,000 operations or with more than 64 values, EFAULT where memory is not known, ENODATA where a
/// register is not, ENOEXEC for what is no expression or not allowed in CFI.
Result<uint64_t> Evaluate(std::span<const uint8_t> expression, const RegisterSet& registers,
                          const StackMemory& memory, std::optional<uint64_t> initial);

}  // namespace sonde
