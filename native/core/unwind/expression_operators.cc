#include "core/unwind/expression_operators.h"

#include "core/unwind/dwarf_constants.h"

namespace sonde {
namespace {

constexpr uint64_t kMinusOne = ~uint64_t{0};

/// Signed, rounding to zero.
std::optional<uint64_t> Divide(uint64_t left, uint64_t right) {
  if (right == 0) return std::nullopt;
  // The smallest number has no positive counterpart.
  if (right == kMinusOne) return -left;
  return static_cast<uint64_t>(static_cast<int64_t>(left) / static_cast<int64_t>(right));
}

uint64_t Shift(uint8_t operation, uint64_t value, uint64_t bits) {
  const bool all = bits >= 64;
  switch (operation) {
    case DW_OP_shl:
      return all ? 0 : value << bits;
    case DW_OP_shr:
      return all ? 0 : value >> bits;
    default:  // DW_OP_shra
      return static_cast<uint64_t>(static_cast<int64_t>(value) >> (all ? 63 : bits));
  }
}

/// Signed (DWARF 5, section 2.5.1.5).
bool Holds(uint8_t comparison, int64_t left, int64_t right) {
  switch (comparison) {
    case DW_OP_eq:
      return left == right;
    case DW_OP_ge:
      return left >= right;
    case DW_OP_gt:
      return left > right;
    case DW_OP_le:
      return left <= right;
    case DW_OP_lt:
      return left < right;
    default:  // DW_OP_ne
      return left != right;
  }
}

bool IsComparison(uint8_t operation) { return operation >= DW_OP_eq && operation <= DW_OP_ne; }

}  // namespace

bool IsBinaryOperator(uint8_t operation) {
  switch (operation) {
    case DW_OP_and:
    case DW_OP_div:
    case DW_OP_minus:
    case DW_OP_mod:
    case DW_OP_mul:
    case DW_OP_or:
    case DW_OP_plus:
    case DW_OP_shl:
    case DW_OP_shr:
    case DW_OP_shra:
    case DW_OP_xor:
      return true;
    default:
      return IsComparison(operation);
  }
}

std::optional<uint64_t> ApplyOperator(uint8_t operation, uint64_t left, uint64_t right) {
  switch (operation) {
    case DW_OP_and:
      return left & right;
    case DW_OP_or:
      return left | right;
    case DW_OP_xor:
      return left ^ right;
    case DW_OP_plus:
      return left + right;
    case DW_OP_minus:
      return left - right;
    case DW_OP_mul:
      return left * right;
    case DW_OP_div:
      return Divide(left, right);
    case DW_OP_mod:
      if (right == 0) return std::nullopt;
      return left % right;
    case DW_OP_shl:
    case DW_OP_shr:
    case DW_OP_shra:
      return Shift(operation, left, right);
    default:
      break;
  }
  if (!IsComparison(operation)) return std::nullopt;
  return Holds(operation, static_cast<int64_t>(left), static_cast<int64_t>(right)) ? 1 : 0;
}

}  // namespace sonde
