#include "core/unwind/cfi_program.h"

#include <algorithm>
#include <optional>

#include "core/unwind/cfi_state.h"
#include "core/unwind/dwarf_constants.h"
#include "core/unwind/encoded_pointer.h"

namespace sonde {
namespace {

/// Of a CIE or FDE. The longest of node's 102,000 functions has 4,399, of libclang's 37,000 7,943.
constexpr size_t kMaxInstructionBytes = 64 << 10;
/// Compilers nest none, assembly two or three.
constexpr size_t kMaxRemembered = 8;
/// Stands for the registers that are not kept.
constexpr uint64_t kUnknownRegister = 255;

/// The kind of rule that an instruction makes; nothing where it makes none.
std::optional<RegisterRule::Kind> RuleKind(uint8_t instruction) {
  using Kind = RegisterRule::Kind;
  switch (instruction) {
    case DW_CFA_undefined:
      return Kind::kUndefined;
    case DW_CFA_same_value:
      return Kind::kSame;
    case DW_CFA_offset_extended:
    case DW_CFA_offset_extended_sf:
    case DW_CFA_GNU_negative_offset_extended:
      return Kind::kOffset;
    case DW_CFA_val_offset:
    case DW_CFA_val_offset_sf:
      return Kind::kValueOffset;
    case DW_CFA_register:
      return Kind::kRegister;
    case DW_CFA_expression:
      return Kind::kExpression;
    case DW_CFA_val_expression:
      return Kind::kValueExpression;
    default:
      return std::nullopt;
  }
}

/// The instructions of a CIE, then those of an FDE (DWARF 5, section 6.4.2).
class CfiProgram {
 public:
  CfiProgram(const CfiSection& section, const Cie& cie, const Architecture& architecture)
      : section_(section),
        cie_(cie),
        signs_return_addresses_(architecture.code_address_bits < 64),
        cursor_({}) {
    state_.Clear();
    initial_.Clear();
  }

  /// From the row at `location` to that of `target`.
  Status Run(const CfiInstructions& instructions, uint64_t location, uint64_t target);
  /// What is known now is what restore* goes back to.
  void SetInitial() { initial_ = state_; }
  const CfiState& state() const { return state_; }

 private:
  /// Each: whether the instruction was one of its kind.
  bool RunCompact(uint8_t instruction);
  bool RunCfa(uint8_t instruction);
  bool RunState(uint8_t instruction);
  bool RunLocation(uint8_t instruction);
  bool RunRule(uint8_t instruction);

  void ChangeCfa(uint8_t instruction);
  void Remember();
  void Recall();
  void Advance(uint64_t delta);
  void MoveTo(uint64_t location);
  int64_t RuleOperand(uint8_t instruction);

  /// Numbers in units of the CIE; they may overflow.
  int64_t Factored(uint64_t number) const {
    return static_cast<int64_t>(number * static_cast<uint64_t>(cie_.data_alignment));
  }
  int64_t FactoredUleb() { return Factored(cursor_.ReadUleb()); }
  int64_t FactoredSleb() { return Factored(static_cast<uint64_t>(cursor_.ReadSleb())); }
  int64_t PlainUleb() { return static_cast<int64_t>(cursor_.ReadUleb()); }
  /// Its place in the section.
  size_t SkipExpression();

  const CfiSection& section_;
  const Cie& cie_;
  const bool signs_return_addresses_;
  DwarfCursor cursor_;
  CfiState state_;
  CfiState initial_;
  std::array<CfiState, kMaxRemembered> remembered_;
  size_t remembered_size_ = 0;
  uint64_t location_ = 0;
  uint64_t target_ = 0;
  bool too_deep_ = false;
};

Status CfiProgram::Run(const CfiInstructions& instructions, uint64_t location, uint64_t target) {
  if (instructions.end - instructions.begin > kMaxInstructionBytes) {
    return Error{E2BIG, "CFI: too many instructions"};
  }
  cursor_ = section_.Cursor(instructions.begin, instructions.end);
  location_ = location;
  target_ = target;
  while (!cursor_.AtEnd()) {
    const auto instruction = cursor_.Read<uint8_t>();
    const bool known = RunCompact(instruction) || RunCfa(instruction) || RunState(instruction) ||
                       RunLocation(instruction) || RunRule(instruction);
    if (!known) cursor_.Fail();
  }
  if (too_deep_) return Error{E2BIG, "CFI: too many states"};
  if (!cursor_.ok()) return Error{ENOEXEC, "CFI: damaged instructions"};
  return Ok();
}

bool CfiProgram::RunCompact(uint8_t instruction) {
  const uint8_t operand = instruction & 0x3f;
  switch (instruction & 0xc0) {
    case DW_CFA_advance_loc:
      return Advance(operand), true;
    case DW_CFA_offset:
      return state_.SetRule(operand, RegisterRule::Kind::kOffset, FactoredUleb()), true;
    case DW_CFA_restore:
      return state_.RestoreRule(operand, initial_), true;
    default:
      return false;
  }
}

bool CfiProgram::RunCfa(uint8_t instruction) {
  switch (instruction) {
    case DW_CFA_def_cfa:
    case DW_CFA_def_cfa_sf: {
      const uint64_t number = cursor_.ReadUleb();
      state_.SetCfa(number, instruction == DW_CFA_def_cfa ? PlainUleb() : FactoredSleb());
      return true;
    }
    case DW_CFA_def_cfa_expression:
      return state_.SetCfaExpression(SkipExpression()), true;
    case DW_CFA_def_cfa_register:
    case DW_CFA_def_cfa_offset:
    case DW_CFA_def_cfa_offset_sf:
      return ChangeCfa(instruction), true;
    default:
      return false;
  }
}

/// Half of a CFA, where the other half is known.
void CfiProgram::ChangeCfa(uint8_t instruction) {
  if (!state_.CfaIsRegister()) return cursor_.Fail();
  switch (instruction) {
    case DW_CFA_def_cfa_register:
      return state_.SetCfa(cursor_.ReadUleb(), state_.cfa_offset());
    case DW_CFA_def_cfa_offset:
      return state_.SetCfa(state_.cfa_register(), PlainUleb());
    default:  // DW_CFA_def_cfa_offset_sf
      return state_.SetCfa(state_.cfa_register(), FactoredSleb());
  }
}

bool CfiProgram::RunState(uint8_t instruction) {
  switch (instruction) {
    case DW_CFA_nop:
      return true;
    case DW_CFA_remember_state:
      return Remember(), true;
    case DW_CFA_restore_state:
      return Recall(), true;
    case DW_CFA_restore_extended:
      return state_.RestoreRule(cursor_.ReadUleb(), initial_), true;
    case DW_CFA_GNU_args_size:
      return cursor_.ReadUleb(), true;
    case DW_CFA_AARCH64_negate_ra_state:  // where nothing is signed: SPARC's window
    case DW_CFA_AARCH64_negate_ra_state_with_pc:
      if (!signs_return_addresses_) return false;
      return state_.NegateReturnAddressState(), true;
    default:
      return false;
  }
}

/// The CFA is remembered too: compilers and unwinders agree on it, though the standard speaks of rules only.
void CfiProgram::Remember() {
  too_deep_ = remembered_size_ == kMaxRemembered;
  if (too_deep_) return cursor_.Fail();
  remembered_[remembered_size_++] = state_;
}

void CfiProgram::Recall() {
  if (remembered_size_ == 0) return cursor_.Fail();
  state_ = remembered_[--remembered_size_];
}

bool CfiProgram::RunLocation(uint8_t instruction) {
  switch (instruction) {
    case DW_CFA_advance_loc1:
      return Advance(cursor_.Read<uint8_t>()), true;
    case DW_CFA_advance_loc2:
      return Advance(cursor_.Read<uint16_t>()), true;
    case DW_CFA_advance_loc4:
      return Advance(cursor_.Read<uint32_t>()), true;
    case DW_CFA_MIPS_advance_loc8:
      return Advance(cursor_.Read<uint64_t>()), true;
    case DW_CFA_set_loc:
      MoveTo(ReadEncodedPointer(cursor_, cie_.pointer_encoding, {.section = section_.svma()}));
      return true;
    default:
      return false;
  }
}

void CfiProgram::Advance(uint64_t delta) {
  uint64_t distance = 0;
  uint64_t location = 0;
  const bool overflow = __builtin_mul_overflow(delta, cie_.code_alignment, &distance) ||
                        __builtin_add_overflow(location_, distance, &location);
  MoveTo(overflow ? ~uint64_t{0} : location);
}

void CfiProgram::MoveTo(uint64_t location) {
  if (location < location_) return cursor_.Fail();
  location_ = location;
  if (location > target_) cursor_.Finish();
}

bool CfiProgram::RunRule(uint8_t instruction) {
  const auto kind = RuleKind(instruction);
  if (!kind) return false;
  const uint64_t number = cursor_.ReadUleb();
  state_.SetRule(number, *kind, RuleOperand(instruction));
  return true;
}

int64_t CfiProgram::RuleOperand(uint8_t instruction) {
  switch (instruction) {
    case DW_CFA_offset_extended:
    case DW_CFA_val_offset:
      return FactoredUleb();
    case DW_CFA_offset_extended_sf:
    case DW_CFA_val_offset_sf:
      return FactoredSleb();
    case DW_CFA_GNU_negative_offset_extended:
      return Factored(-cursor_.ReadUleb());
    case DW_CFA_register:
      return static_cast<int64_t>(std::min<uint64_t>(cursor_.ReadUleb(), kUnknownRegister));
    case DW_CFA_expression:
    case DW_CFA_val_expression:
      return static_cast<int64_t>(SkipExpression());
    default:  // DW_CFA_undefined, DW_CFA_same_value
      return 0;
  }
}

size_t CfiProgram::SkipExpression() {
  const size_t block = cursor_.offset();
  cursor_.ReadBytes(cursor_.ReadUleb());
  return block;
}

}  // namespace

Result<CfiRow> RunCfi(const CfiSection& section, const Fde& fde, uint64_t svma,
                      const Architecture& architecture) {
  CfiProgram program(section, fde.cie, architecture);
  // The rows of a CIE are those of no instruction.
  const auto common = program.Run(fde.cie.instructions, 0, ~uint64_t{0});
  if (!common) return common.error();
  program.SetInitial();
  const auto own = program.Run(fde.instructions, fde.svma, svma);
  if (!own) return own.error();
  return program.state().Row(section, fde.cie, architecture);
}

}  // namespace sonde
