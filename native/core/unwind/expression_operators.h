#pragma once

#include <cstdint>
#include <optional>

namespace sonde {

/// Whether a DW_OP_* makes one value of the two upper ones.
bool IsBinaryOperator(uint8_t operation);

/// `right` is what lay on top. Overflow wraps. Nothing for a division by zero, and for what is no binary operator.
std::optional<uint64_t> ApplyOperator(uint8_t operation, uint64_t left, uint64_t right);

}  // namespace sonde
