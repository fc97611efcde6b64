#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "core/unwind/architecture.h"

namespace sonde {

/// How a value of the calling frame is found.
struct RegisterRule {
  enum class Kind : uint8_t {
    /// Nothing was said: a register that the callee keeps. DWARF calls it same value.
    kSame,
    kUndefined,
    /// Saved at CFA + offset.
    kOffset,
    /// Is CFA + offset.
    kValueOffset,
    /// Is in the register number `offset`.
    kRegister,
    /// Saved where the expression says; number `offset` of CfiRow::expressions. The CFA is on the stack when it begins.
    kExpression,
    /// Is what the expression says.
    kValueExpression,
  };
  Kind kind = Kind::kSame;
  int64_t offset = 0;

  bool operator==(const RegisterRule&) const = default;
};

/// All that CFI says of one instruction.
struct CfiRow {
  /// The canonical frame address is a register plus an offset, or what the expression number `cfa_offset` says.
  bool cfa_is_expression = false;
  uint8_t cfa_register = 0;
  int64_t cfa_offset = 0;
  /// By DWARF number; the return address at Architecture::return_address, or where the CIE puts it.
  std::array<RegisterRule, kMaxRegisters> rules = {};
  uint8_t return_address = 0;
  /// Of a signal handler's caller: its "return address" is the interrupted instruction itself (augmentation S).
  bool signal_frame = false;
  /// aarch64: the return address carries a signature.
  bool signed_return_address = false;
  /// Each with its DW_OP_* bytes.
  std::vector<std::vector<uint8_t>> expressions = {};
};

/// The same in 16 bytes, for the frames that nearly all are: CFA from stack or frame pointer, the frame pointer saved or
/// kept, the return address saved or in its register. What does not fit, keeps its CfiRow (kRules).
struct UnwindRow {
  enum class Kind : uint8_t {
    /// No row covers the instruction.
    kNone,
    /// CFA = stack pointer + cfa_offset
    kStackPointer,
    /// CFA = frame pointer + cfa_offset
    kFramePointer,
    /// See the CfiRow that comes with it.
    kRules,
    /// The return address is undefined: nothing called this.
    kOutermost,
  };
  /// As an offset: the register is as it was.
  static constexpr int32_t kKept = std::numeric_limits<int32_t>::min();

  int32_t cfa_offset = 0;
  /// From the CFA, or kKept.
  int32_t frame_pointer_offset = kKept;
  /// From the CFA, or kKept: in the link register.
  int32_t return_address_offset = 0;
  Kind kind = Kind::kNone;
  bool signal_frame = false;
  bool signed_return_address = false;
  /// The function is one that nothing calls (`_start`, `runtime.goexit`): where the way ends here, it is complete.
  bool entry = false;
};
static_assert(sizeof(UnwindRow) == 16);

/// A row, and where it is of kind kRules what it stands for.
struct RowAndRules {
  UnwindRow row = {};
  std::shared_ptr<const CfiRow> rules = {};
};

/// Puts a row into 16 bytes where it fits. `svma`: of the instruction; an expression that depends on nothing but it and
/// the stack pointer (PLT entries) becomes an offset.
RowAndRules Compact(CfiRow&& row, uint64_t svma, const Architecture& architecture);

}  // namespace sonde
