#include "core/recorded/captured_registers.h"

#include <bit>

namespace sonde {
namespace {

constexpr uint8_t kNoRegister = 0xff;

/// DWARF's number of each of perf's: ax, bx, cx, dx, si, di, bp, sp, ip, flags, six segments, r8 to r15.
constexpr uint8_t kOfX86[] = {
    0,  3,           2,           1,           4,           5,           6,           7,
    16, kNoRegister, kNoRegister, kNoRegister, kNoRegister, kNoRegister, kNoRegister, kNoRegister,
    8,  9,           10,          11,          12,          13,          14,          15};
/// x0 to x30, sp and pc are numbered alike.
constexpr unsigned kOfAarch64 = 33;

unsigned DwarfNumber(const Architecture& architecture, unsigned number) {
  if (architecture.has_link_register) return number < kOfAarch64 ? number : kNoRegister;
  return number < std::size(kOfX86) ? kOfX86[number] : kNoRegister;
}

/// Where CFI has a number for it.
unsigned InstructionPointer(const Architecture& architecture) {
  return architecture.has_link_register ? 32 : 16;
}

}  // namespace

std::optional<CapturedRegisters> ReadCapturedRegisters(const Architecture& architecture,
                                                       uint64_t mask,
                                                       std::span<const uint64_t> values) {
  CapturedRegisters captured;
  for (const uint64_t value : values) {
    if (mask == 0) break;
    const unsigned number =
        DwarfNumber(architecture, static_cast<unsigned>(std::countr_zero(mask)));
    mask &= mask - 1;
    if (number != kNoRegister) captured.registers.Set(number, value);
  }
  const unsigned instruction = InstructionPointer(architecture);
  const RegisterSet& registers = captured.registers;
  if (!registers.Knows(instruction) || !registers.Knows(architecture.stack_pointer)) return {};
  captured.instruction = registers.value[instruction];
  return captured;
}

}  // namespace sonde
