#include "core/unwind/cfi_state.h"

namespace sonde {
namespace {

/// Evaluate() takes 1,000 operations; the longest of glibc's signal frames has 5 bytes.
constexpr size_t kMaxExpressionBytes = 4096;

bool IsExpression(RegisterRule::Kind kind) {
  return kind == RegisterRule::Kind::kExpression || kind == RegisterRule::Kind::kValueExpression;
}

/// Copies the expression whose length lies at `block`; its number. Negative: it is too long.
int64_t AddExpression(CfiRow& row, const CfiSection& section, int64_t block) {
  DwarfCursor cursor = section.Cursor(static_cast<size_t>(block), section.bytes().size());
  const auto bytes = cursor.ReadBytes(cursor.ReadUleb());
  if (bytes.size() > kMaxExpressionBytes) return -1;
  row.expressions.emplace_back(bytes.begin(), bytes.end());
  return static_cast<int64_t>(row.expressions.size()) - 1;
}

}  // namespace

CfiState CfiState::Initial(const Architecture& architecture) {
  CfiState state;
  state.operands_.fill(0);
  state.kinds_.fill(Kind::kSame);
  state.kinds_[architecture.stack_pointer] = Kind::kValueOffset;
  state.cfa_ = Cfa::kUnknown;
  state.cfa_register_ = 0;
  state.cfa_offset_ = 0;
  state.signed_return_address_ = false;
  return state;
}

void CfiState::SetCfa(uint64_t number, int64_t offset) {
  cfa_ = number < kMaxRegisters ? Cfa::kRegister : Cfa::kUnknown;
  cfa_register_ = static_cast<uint8_t>(number);
  cfa_offset_ = offset;
}

void CfiState::SetCfaExpression(size_t block) {
  cfa_ = Cfa::kExpression;
  cfa_register_ = 0;
  cfa_offset_ = static_cast<int64_t>(block);
}

void CfiState::SetRule(uint64_t number, Kind kind, int64_t operand) {
  if (number >= kMaxRegisters) return;
  kinds_[number] = kind;
  operands_[number] = operand;
}

void CfiState::RestoreRule(uint64_t number, const CfiState& other) {
  if (number < kMaxRegisters) SetRule(number, other.kinds_[number], other.operands_[number]);
}

Result<CfiRow> CfiState::Row(const CfiSection& section, const Cie& cie) const {
  if (cfa_ == Cfa::kUnknown) return Error{ENOEXEC, "CFI: a row without a CFA"};
  Result<CfiRow> outcome{CfiRow{}};
  CfiRow& row = *outcome;
  row.cfa_is_expression = cfa_ == Cfa::kExpression;
  row.cfa_register = cfa_register_;
  row.cfa_offset = row.cfa_is_expression ? AddExpression(row, section, cfa_offset_) : cfa_offset_;
  bool too_long = row.cfa_is_expression && row.cfa_offset < 0;
  for (size_t number = 0; number < kMaxRegisters; number++) {
    const bool expression = IsExpression(kinds_[number]);
    const int64_t operand =
        expression ? AddExpression(row, section, operands_[number]) : operands_[number];
    row.rules[number] = {kinds_[number], operand};
    too_long = too_long || (expression && operand < 0);
  }
  if (too_long) return Error{E2BIG, "CFI: an expression is too long"};
  row.return_address = cie.return_address;
  row.signal_frame = cie.signal_frame;
  row.signed_return_address = signed_return_address_;
  return outcome;
}

}  // namespace sonde
