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

/// What an expression works with.
struct ExpressionInput {
  const RegisterSet& registers;
  const StackMemory& memory;
  /// What lies on its stack at the beginning.
  std::optional<uint64_t> initial = {};
  /// Where several must not take more operations than this together: counted down.
  unsigned* operations_left = nullptr;
};

/// Evaluates a DWARF expression (DWARF 5, section 2.5) of CFI. Error: E2BIG after 1,000 operations, or as many as are
/// left, or with more than 64 values, EFAULT where memory is not known, ENODATA where a register is not, ENOEXEC for
/// what is no expression or not allowed in CFI.
Result<uint64_t> Evaluate(std::span<const uint8_t> expression, const ExpressionInput& input);

inline Result<uint64_t> Evaluate(std::span<const uint8_t> expression, const RegisterSet& registers,
                                 const StackMemory& memory, std::optional<uint64_t> initial) {
  return Evaluate(expression, {.registers = registers, .memory = memory, .initial = initial});
}

}  // namespace sonde
