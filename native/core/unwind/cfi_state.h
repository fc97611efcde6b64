#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/base/result.h"
#include "core/unwind/cfi_section.h"
#include "core/unwind/row.h"

namespace sonde {

/// What call frame instructions change. Made and copied often, and so without the rules that were not set; new ones hold
/// nothing at all, so that an array of them costs nothing.
class CfiState {
 public:
  using Kind = RegisterRule::Kind;

  CfiState() = default;
  CfiState(const CfiState&) = delete;
  CfiState& operator=(const CfiState& other);

  /// Neither a CFA nor rules.
  void Clear();

  /// CFA = register + offset. A register that we do not keep makes a CFA that is not known.
  void SetCfa(uint64_t number, int64_t offset);
  /// `block`: where the length of the expression lies in the section.
  void SetCfaExpression(size_t block);
  bool CfaIsRegister() const { return cfa_ == Cfa::kRegister; }
  uint8_t cfa_register() const { return cfa_register_; }
  int64_t cfa_offset() const { return cfa_offset_; }

  /// `operand`: as in RegisterRule, but of an expression the place of its length in the section. Rules of registers
  /// that we do not keep are dropped.
  void SetRule(uint64_t number, Kind kind, int64_t operand);
  /// As `other` has it.
  void RestoreRule(uint64_t number, const CfiState& other);

  void NegateReturnAddressState() { signed_return_address_ = !signed_return_address_; }

  /// Copies the expressions out of `section`.
  /// Error: ENOEXEC where the CFA is not known, E2BIG where an expression is longer than any is.
  Result<CfiRow> Row(const CfiSection& section, const Cie& cie,
                     const Architecture& architecture) const;

 private:
  enum class Cfa : uint8_t { kUnknown, kRegister, kExpression };

  uint64_t set_;  ///< bit n: there is a rule of register n
  int64_t cfa_offset_;
  Cfa cfa_;
  uint8_t cfa_register_;
  bool signed_return_address_;
  std::array<int64_t, kMaxRegisters> operands_;
  std::array<Kind, kMaxRegisters> kinds_;
};

}  // namespace sonde
