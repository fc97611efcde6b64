#include "core/unwind/expression.h"

#include <algorithm>
#include <array>

#include "core/unwind/dwarf_constants.h"
#include "core/unwind/dwarf_cursor.h"
#include "core/unwind/expression_operators.h"

namespace sonde {
namespace {

constexpr unsigned kMaxOperations = 1000;
constexpr size_t kMaxValues = 64;

/// The stack of one evaluation, and the first thing that went wrong.
class ExpressionMachine {
 public:
  ExpressionMachine(std::span<const uint8_t> expression, const RegisterSet& registers,
                    const StackMemory& memory)
      : expression_(expression), cursor_(expression), registers_(registers), memory_(memory) {}

  Result<uint64_t> Run(std::optional<uint64_t> initial, unsigned& operations_left);

 private:
  void Step(uint8_t operation);
  bool RunConstant(uint8_t operation);
  bool RunRegister(uint8_t operation);
  bool RunStack(uint8_t operation);
  bool RunUnary(uint8_t operation);
  bool RunBinary(uint8_t operation);
  bool RunJump(uint8_t operation);

  void Push(uint64_t value);
  uint64_t Pop();
  /// The value `depth` places below the top one.
  uint64_t At(uint64_t depth);
  uint64_t Register(uint64_t number);
  uint64_t Load(uint64_t address, unsigned size);
  void Jump(int16_t distance);
  void Fail(int code, const char* what) {
    if (error_code_ == 0) error_code_ = code, error_ = what;
  }

  std::span<const uint8_t> expression_;
  DwarfCursor cursor_;
  const RegisterSet& registers_;
  const StackMemory& memory_;
  std::array<uint64_t, kMaxValues> values_;
  size_t size_ = 0;
  int error_code_ = 0;
  const char* error_ = "";
};

Result<uint64_t> ExpressionMachine::Run(std::optional<uint64_t> initial,
                                        unsigned& operations_left) {
  if (initial) Push(*initial);
  const unsigned most = std::min(kMaxOperations, operations_left);
  for (unsigned count = 0; !cursor_.AtEnd() && error_code_ == 0; count++) {
    if (count == most) Fail(E2BIG, "too many operations");
    operations_left -= count < most ? 1 : 0;
    Step(cursor_.Read<uint8_t>());
    if (!cursor_.ok()) Fail(ENOEXEC, "an operand is cut off");
  }
  const uint64_t value = Pop();
  if (error_code_ != 0) return Error{error_code_, std::string("DWARF expression: ") + error_};
  return value;
}

void ExpressionMachine::Step(uint8_t operation) {
  if (operation == DW_OP_nop) return;
  const bool known = RunConstant(operation) || RunRegister(operation) || RunStack(operation) ||
                     RunUnary(operation) || RunBinary(operation) || RunJump(operation);
  if (!known) Fail(ENOEXEC, "an operation that has no place in CFI");
}

bool ExpressionMachine::RunConstant(uint8_t operation) {
  const auto push_signed = [this](int64_t value) { Push(static_cast<uint64_t>(value)); };
  if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31) {
    Push(operation - DW_OP_lit0);
    return true;
  }
  switch (operation) {
    case DW_OP_addr:
    case DW_OP_const8u:
    case DW_OP_const8s:
      return Push(cursor_.Read<uint64_t>()), true;
    case DW_OP_const1u:
      return Push(cursor_.Read<uint8_t>()), true;
    case DW_OP_const1s:
      return push_signed(cursor_.Read<int8_t>()), true;
    case DW_OP_const2u:
      return Push(cursor_.Read<uint16_t>()), true;
    case DW_OP_const2s:
      return push_signed(cursor_.Read<int16_t>()), true;
    case DW_OP_const4u:
      return Push(cursor_.Read<uint32_t>()), true;
    case DW_OP_const4s:
      return push_signed(cursor_.Read<int32_t>()), true;
    case DW_OP_constu:
      return Push(cursor_.ReadUleb()), true;
    case DW_OP_consts:
      return push_signed(cursor_.ReadSleb()), true;
    default:
      return false;
  }
}

/// A register's name alone stands for its value, as in libgcc's unwinder: CFI has no use for its place.
bool ExpressionMachine::RunRegister(uint8_t operation) {
  const auto push_sum = [this](uint64_t number) {
    Push(Register(number) + static_cast<uint64_t>(cursor_.ReadSleb()));
  };
  if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) {
    push_sum(operation - DW_OP_breg0);
  } else if (operation == DW_OP_bregx) {
    push_sum(cursor_.ReadUleb());
  } else if (operation >= DW_OP_reg0 && operation <= DW_OP_reg31) {
    Push(Register(operation - DW_OP_reg0));
  } else if (operation == DW_OP_regx) {
    Push(Register(cursor_.ReadUleb()));
  } else {
    return false;
  }
  return true;
}

bool ExpressionMachine::RunStack(uint8_t operation) {
  switch (operation) {
    case DW_OP_dup:
      return Push(At(0)), true;
    case DW_OP_drop:
      return Pop(), true;
    case DW_OP_over:
      return Push(At(1)), true;
    case DW_OP_pick:
      return Push(At(cursor_.Read<uint8_t>())), true;
    case DW_OP_swap:
    case DW_OP_rot: {
      const uint64_t top = Pop();
      const uint64_t second = Pop();
      if (operation == DW_OP_swap) return Push(top), Push(second), true;
      const uint64_t third = Pop();
      return Push(top), Push(third), Push(second), true;
    }
    default:
      return false;
  }
}

bool ExpressionMachine::RunUnary(uint8_t operation) {
  switch (operation) {
    case DW_OP_deref:
      return Push(Load(Pop(), 8)), true;
    case DW_OP_deref_size:
      return Push(Load(Pop(), cursor_.Read<uint8_t>())), true;
    case DW_OP_plus_uconst:
      return Push(Pop() + cursor_.ReadUleb()), true;
    case DW_OP_abs: {
      const uint64_t value = Pop();
      return Push(value >> 63 != 0 ? -value : value), true;
    }
    case DW_OP_neg:
      return Push(-Pop()), true;
    case DW_OP_not:
      return Push(~Pop()), true;
    default:
      return false;
  }
}

bool ExpressionMachine::RunBinary(uint8_t operation) {
  if (!IsBinaryOperator(operation)) return false;
  const uint64_t right = Pop();
  const uint64_t left = Pop();
  const auto value = ApplyOperator(operation, left, right);
  if (!value) Fail(ENOEXEC, "a division by zero");
  Push(value.value_or(0));
  return true;
}

bool ExpressionMachine::RunJump(uint8_t operation) {
  if (operation != DW_OP_skip && operation != DW_OP_bra) return false;
  const auto distance = cursor_.Read<int16_t>();
  if (operation == DW_OP_skip || Pop() != 0) Jump(distance);
  return true;
}

void ExpressionMachine::Push(uint64_t value) {
  if (size_ == kMaxValues) return Fail(E2BIG, "too many values");
  values_[size_++] = value;
}

uint64_t ExpressionMachine::Pop() {
  if (size_ != 0) return values_[--size_];
  Fail(ENOEXEC, "a value is missing");
  return 0;
}

uint64_t ExpressionMachine::At(uint64_t depth) {
  if (depth < size_) return values_[size_ - 1 - depth];
  Fail(ENOEXEC, "a value is missing");
  return 0;
}

uint64_t ExpressionMachine::Register(uint64_t number) {
  if (number < kMaxRegisters && registers_.Knows(static_cast<unsigned>(number))) {
    return registers_.value[number];
  }
  Fail(ENODATA, "a register that is not known");
  return 0;
}

uint64_t ExpressionMachine::Load(uint64_t address, unsigned size) {
  if (size == 0 || size > 8) {
    Fail(ENOEXEC, "a load of an impossible size");
    return 0;
  }
  const unsigned unused_bits = 64 - 8 * size;
  // At the end of what is known the word that ends with the value may be, where the one that begins with it is not.
  if (const auto word = memory_.Word(address)) return *word << unused_bits >> unused_bits;
  if (size < 8) {
    if (const auto word = memory_.Word(address - (8 - size))) return *word >> unused_bits;
  }
  Fail(EFAULT, "memory that is not known");
  return 0;
}

void ExpressionMachine::Jump(int16_t distance) {
  if (!cursor_.ok()) return;
  const auto target = static_cast<int64_t>(cursor_.offset()) + distance;
  if (target < 0 || target > static_cast<int64_t>(expression_.size())) {
    return Fail(ENOEXEC, "a jump out of the expression");
  }
  cursor_ = DwarfCursor(expression_, static_cast<size_t>(target));
}

}  // namespace

Result<uint64_t> Evaluate(std::span<const uint8_t> expression, const ExpressionInput& input) {
  unsigned enough = kMaxOperations;
  unsigned& operations_left = input.operations_left != nullptr ? *input.operations_left : enough;
  return ExpressionMachine(expression, input.registers, input.memory)
      .Run(input.initial, operations_left);
}

}  // namespace sonde
