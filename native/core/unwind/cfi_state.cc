#include "core/unwind/cfi_state.h"

#include <bit>

namespace sonde {
namespace {

/// Of a row. glibc's signal frame has one for each register, together less than 100 bytes.
constexpr size_t kMaxExpressionBytes = 2048;

template <typename Visit>
void ForEachBit(uint64_t bits, Visit&& visit) {
  for (; bits != 0; bits &= bits - 1) visit(static_cast<size_t>(std::countr_zero(bits)));
}

bool IsExpression(RegisterRule::Kind kind) {
  return kind == RegisterRule::Kind::kExpression || kind == RegisterRule::Kind::kValueExpression;
}

/// Copies the expression whose length lies at `place` in the section, and makes a number of the place. False where that
/// makes the row's expressions too long.
bool CopyExpression(CfiRow& row, const CfiSection& section, int64_t& place) {
  DwarfCursor cursor = section.Cursor(static_cast<size_t>(place), section.bytes().size());
  const auto bytes = cursor.ReadBytes(cursor.ReadUleb());
  size_t copied = bytes.size();
  for (const auto& expression : row.expressions) copied += expression.size();
  if (copied > kMaxExpressionBytes) return false;
  place = static_cast<int64_t>(row.expressions.size());
  row.expressions.emplace_back(bytes.begin(), bytes.end());
  return true;
}

}  // namespace

CfiState& CfiState::operator=(const CfiState& other) {
  cfa_offset_ = other.cfa_offset_;
  cfa_ = other.cfa_;
  cfa_register_ = other.cfa_register_;
  signed_return_address_ = other.signed_return_address_;
  set_ = other.set_;
  ForEachBit(set_, [&](size_t number) {
    kinds_[number] = other.kinds_[number];
    operands_[number] = other.operands_[number];
  });
  return *this;
}

void CfiState::Clear() {
  set_ = 0;
  cfa_offset_ = 0;
  cfa_ = Cfa::kUnknown;
  cfa_register_ = 0;
  signed_return_address_ = false;
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
  set_ |= uint64_t{1} << number;
  kinds_[number] = kind;
  operands_[number] = operand;
}

void CfiState::RestoreRule(uint64_t number, const CfiState& other) {
  if (number >= kMaxRegisters) return;
  if ((other.set_ >> number & 1) != 0) {
    SetRule(number, other.kinds_[number], other.operands_[number]);
  } else {
    set_ &= ~(uint64_t{1} << number);
  }
}

Result<CfiRow> CfiState::Row(const CfiSection& section, const Cie& cie,
                             const Architecture& architecture) const {
  // Made where it is returned: a row is large.
  Result<CfiRow> outcome(std::in_place);
  CfiRow& row = *outcome;
  row.cfa_is_expression = cfa_ == Cfa::kExpression;
  row.cfa_register = cfa_register_;
  row.cfa_offset = cfa_offset_;
  row.rules[architecture.stack_pointer].kind = Kind::kValueOffset;
  row.return_address = cie.return_address;
  row.signal_frame = cie.signal_frame;
  row.signed_return_address = signed_return_address_;
  bool copied = !row.cfa_is_expression || CopyExpression(row, section, row.cfa_offset);
  ForEachBit(set_, [&](size_t number) {
    RegisterRule& rule = row.rules[number];
    rule.kind = kinds_[number];
    rule.offset = operands_[number];
    if (IsExpression(rule.kind)) copied = CopyExpression(row, section, rule.offset) && copied;
  });
  if (!copied) outcome = Error{E2BIG, "CFI: an expression is too long"};
  if (cfa_ == Cfa::kUnknown) outcome = Error{ENOEXEC, "CFI: a row without a CFA"};
  return outcome;
}

}  // namespace sonde
