#include "core/unwind/row.h"

#include <optional>
#include <utility>

#include "core/unwind/expression.h"

namespace sonde {
namespace {

class NoMemory : public StackMemory {
 public:
  std::optional<uint64_t> Word(uint64_t) const override { return std::nullopt; }
};

/// What an expression makes of a stack pointer, as the distance from it.
std::optional<uint64_t> DistanceFrom(uint64_t stack_pointer, uint64_t instruction,
                                     const std::vector<uint8_t>& expression,
                                     const Architecture& architecture) {
  RegisterSet registers;
  registers.Set(architecture.stack_pointer, stack_pointer);
  if (!architecture.has_link_register) registers.Set(architecture.return_address, instruction);
  const auto value = Evaluate(expression, registers, NoMemory{}, std::nullopt);
  if (!value) return std::nullopt;
  return *value - stack_pointer;
}

/// The offset that a CFA expression comes to, if it does not depend on more than where in its page the instruction
/// lies. Two stack pointers that differ in every bit that an alignment could take away, at two places of the file in
/// memory, stand for all.
std::optional<int64_t> FoldedOffset(const CfiRow& row, uint64_t svma,
                                    const Architecture& architecture) {
  constexpr uint64_t kStacks[] = {0x00007ffd'13579bd1, 0x00005555'2468ace6};
  constexpr uint64_t kLoadedHigher = 0x00002aaa'a4b5d000;
  const auto& expression = row.expressions[static_cast<size_t>(row.cfa_offset)];
  const auto distance = DistanceFrom(kStacks[0], svma, expression, architecture);
  const auto other = DistanceFrom(kStacks[1], svma + kLoadedHigher, expression, architecture);
  if (!distance || distance != other) return std::nullopt;
  return static_cast<int64_t>(*distance);
}

/// `offset` where it fits, and cannot be taken for kKept.
std::optional<int32_t> Narrow(int64_t offset) {
  if (offset <= UnwindRow::kKept || offset > std::numeric_limits<int32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<int32_t>(offset);
}

/// Where a register of the caller is; nothing where its rule is not one of these.
std::optional<int32_t> SavedAt(const RegisterRule& rule) {
  if (rule.kind == RegisterRule::Kind::kSame) return UnwindRow::kKept;
  return rule.kind == RegisterRule::Kind::kOffset ? Narrow(rule.offset) : std::nullopt;
}

std::optional<UnwindRow::Kind> CfaKind(const CfiRow& row, const Architecture& architecture) {
  if (row.cfa_register == architecture.stack_pointer) return UnwindRow::Kind::kStackPointer;
  if (row.cfa_register == architecture.frame_pointer) return UnwindRow::Kind::kFramePointer;
  return std::nullopt;
}

/// The caller's stack pointer is the CFA, as it is where nothing else was said.
bool StackPointerIsCfa(const CfiRow& row, const Architecture& architecture) {
  const RegisterRule& rule = row.rules[architecture.stack_pointer];
  return rule == RegisterRule{} || rule == RegisterRule{RegisterRule::Kind::kValueOffset, 0};
}

/// The row in 16 bytes; nothing where it has more to say than fits.
std::optional<UnwindRow> Simple(const CfiRow& row, uint64_t svma,
                                const Architecture& architecture) {
  const auto kind =
      row.cfa_is_expression ? UnwindRow::Kind::kStackPointer : CfaKind(row, architecture);
  const auto offset =
      row.cfa_is_expression ? FoldedOffset(row, svma, architecture) : row.cfa_offset;
  const auto cfa = offset ? Narrow(*offset) : std::nullopt;
  const auto frame_pointer = SavedAt(row.rules[architecture.frame_pointer]);
  const auto return_address = SavedAt(row.rules[row.return_address]);
  if (!kind || !cfa || !frame_pointer || !return_address) return std::nullopt;
  if (!StackPointerIsCfa(row, architecture)) return std::nullopt;
  const bool in_link_register =
      architecture.has_link_register && row.return_address == architecture.return_address;
  if (*return_address == UnwindRow::kKept && !in_link_register) return std::nullopt;
  return UnwindRow{.cfa_offset = *cfa,
                   .frame_pointer_offset = *frame_pointer,
                   .return_address_offset = *return_address,
                   .kind = *kind};
}

}  // namespace

RowAndRules Compact(CfiRow&& row, uint64_t svma, const Architecture& architecture) {
  const bool outermost = row.rules[row.return_address].kind == RegisterRule::Kind::kUndefined;
  const auto simple =
      outermost ? UnwindRow{.kind = UnwindRow::Kind::kOutermost} : Simple(row, svma, architecture);
  RowAndRules compact{.row = simple.value_or(UnwindRow{.kind = UnwindRow::Kind::kRules})};
  compact.row.signal_frame = row.signal_frame;
  compact.row.signed_return_address = row.signed_return_address;
  if (!simple) compact.rules = std::make_shared<const CfiRow>(std::move(row));
  return compact;
}

}  // namespace sonde
