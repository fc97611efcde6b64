#pragma once

#include <elf.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace sonde {

/// What unwinding needs to know of a processor. Registers go by their DWARF numbers.
struct Architecture {
  /// Places in a RegisterSet.
  uint8_t registers;
  uint8_t stack_pointer;
  uint8_t frame_pointer;
  /// The column in which CFI speaks of the return address: on x86-64 a number that is no register but stands for the
  /// instruction pointer; on aarch64 the link register.
  uint8_t return_address;
  /// Whether a call leaves the return address in the register `return_address` instead of on the stack.
  bool has_link_register;
  /// EM_* of its files.
  uint16_t machine;
  /// Bits of a code address; those above carry a signature (aarch64 pointer authentication) that has to go.
  uint8_t code_address_bits;
};

/// System V ABI, AMD64 supplement, figure 3.36: 0 rax, 1 rdx, 2 rcx, 3 rbx, 4 rsi, 5 rdi, 6 rbp, 7 rsp, 8…15, 16 RA.
inline constexpr Architecture kX86_64{.registers = 17,
                                      .stack_pointer = 7,
                                      .frame_pointer = 6,
                                      .return_address = 16,
                                      .has_link_register = false,
                                      .machine = EM_X86_64,
                                      .code_address_bits = 64};

/// DWARF for the Arm 64-bit architecture, section 4.1: 0…30 x0…x30, 31 sp, 32 pc. User space has 48-bit addresses, but
/// for what a process asks by an mmap hint to have above them: code is not.
inline constexpr Architecture kAarch64{.registers = 33,
                                       .stack_pointer = 31,
                                       .frame_pointer = 29,
                                       .return_address = 30,
                                       .has_link_register = true,
                                       .machine = EM_AARCH64,
                                       .code_address_bits = 48};

#if defined(__x86_64__)
inline constexpr const Architecture& kThisArchitecture = kX86_64;
#elif defined(__aarch64__)
inline constexpr const Architecture& kThisArchitecture = kAarch64;
#else
#error "which registers does CFI know on this architecture?"
#endif

inline constexpr size_t kMaxRegisters = 33;

/// Registers whose values may be known, by DWARF number.
struct RegisterSet {
  std::array<uint64_t, kMaxRegisters> value = {};
  uint64_t known = 0;  ///< bit n: value[n] is known

  bool Knows(unsigned number) const { return number < kMaxRegisters && (known >> number & 1) != 0; }
  void Set(unsigned number, uint64_t to) {
    value[number] = to;
    known |= uint64_t{1} << number;
  }
  void Forget(unsigned number) { known &= ~(uint64_t{1} << number); }
};

}  // namespace sonde
