#include "core/unwind/expression.h"

#include <gtest/gtest.h>

#include <map>

#include "unwind/cfi_builder.h"

namespace sonde {
namespace {

using test::ByteString;

/// Words at addresses; all else is not known.
class Words : public StackMemory {
 public:
  Words(std::map<uint64_t, uint64_t> words) : words_(std::move(words)) {}
  std::optional<uint64_t> Word(uint64_t address) const override {
    const auto found = words_.find(address);
    if (found == words_.end()) return std::nullopt;
    return found->second;
  }

 private:
  std::map<uint64_t, uint64_t> words_;
};

Result<uint64_t> Run(const ByteString& expression, std::optional<uint64_t> initial = {}) {
  RegisterSet registers;
  registers.Set(7, 0x7000);
  registers.Set(16, 0x1005);
  registers.Set(32, 32);
  const Words memory({{0x100, 0x8877665544332211}, {0x200, 0x100}});
  return Evaluate(expression.span(), registers, memory, initial);
}

uint64_t ValueOf(const ByteString& expression, std::optional<uint64_t> initial = {}) {
  const auto value = Run(expression, initial);
  EXPECT_TRUE(value) << value.error().what;
  return value ? *value : 0xdead;
}

int ErrorOf(const ByteString& expression, std::optional<uint64_t> initial = {}) {
  const auto value = Run(expression, initial);
  return value ? 0 : value.error().code;
}

constexpr uint64_t kNegative(uint64_t magnitude) { return -magnitude; }

TEST(Expression, ConstantsOfEverySizeAndSign) {
  EXPECT_EQ(ValueOf({DW_OP_lit0 + 31}), 31u);
  EXPECT_EQ(ValueOf({DW_OP_const1u, 0xff}), 255u);
  EXPECT_EQ(ValueOf({DW_OP_const1s, 0xff}), kNegative(1));
  EXPECT_EQ(ValueOf({DW_OP_const2u, 0xfe, 0xff}), 0xfffeu);
  EXPECT_EQ(ValueOf({DW_OP_const2s, 0xfe, 0xff}), kNegative(2));
  EXPECT_EQ(ValueOf({DW_OP_const4u, 0xfd, 0xff, 0xff, 0xff}), 0xfffffffdu);
  EXPECT_EQ(ValueOf({DW_OP_const4s, 0xfd, 0xff, 0xff, 0xff}), kNegative(3));
  for (const int operation : {DW_OP_addr, DW_OP_const8u, DW_OP_const8s}) {
    EXPECT_EQ(ValueOf({operation, 1, 2, 3, 4, 5, 6, 7, 0x88}), 0x8807060504030201u);
  }
  EXPECT_EQ(ValueOf({DW_OP_constu, 0x80, 0x01}), 128u);
  EXPECT_EQ(ValueOf({DW_OP_consts, 0x80, 0x7f}), kNegative(128));
}

TEST(Expression, RegistersGiveTheirValue) {
  EXPECT_EQ(ValueOf({DW_OP_breg0 + 7, 8}), 0x7008u);
  EXPECT_EQ(ValueOf({DW_OP_breg0 + 7, 0x78}), 0x6ff8u);
  EXPECT_EQ(ValueOf({DW_OP_bregx, 32, 1}), 33u);
  EXPECT_EQ(ValueOf({DW_OP_reg0 + 16}), 0x1005u);
  EXPECT_EQ(ValueOf({DW_OP_regx, 32}), 32u);
  EXPECT_EQ(ErrorOf({DW_OP_breg0 + 6, 0}), ENODATA);
  EXPECT_EQ(ErrorOf({DW_OP_bregx, 33, 0}), ENODATA);
  EXPECT_EQ(ErrorOf({DW_OP_regx, 0x87, 0x80, 0x80, 0x80, 0x10}), ENODATA) << "7 + 2^32";
}

TEST(Expression, TheStackIsPushedAround) {
  const auto stack = [](const ByteString& operation, int read) {
    ByteString expression = {DW_OP_lit0 + 3, DW_OP_lit0 + 2, DW_OP_lit0 + 1};
    return ValueOf(expression.Add(operation).Add({DW_OP_pick, read}));
  };
  EXPECT_EQ(stack({DW_OP_dup}, 1), 1u);
  EXPECT_EQ(stack({DW_OP_drop}, 0), 2u);
  EXPECT_EQ(stack({DW_OP_over}, 0), 2u);
  EXPECT_EQ(stack({DW_OP_pick, 2}, 0), 3u);
  EXPECT_EQ(stack({DW_OP_swap}, 0), 2u);
  EXPECT_EQ(stack({DW_OP_swap}, 1), 1u);
  // The top one goes below the next two.
  EXPECT_EQ(stack({DW_OP_rot}, 0), 2u);
  EXPECT_EQ(stack({DW_OP_rot}, 1), 3u);
  EXPECT_EQ(stack({DW_OP_rot}, 2), 1u);
  EXPECT_EQ(stack({DW_OP_nop}, 0), 1u);
}

TEST(Expression, ArithmeticWraps) {
  const auto of = [](int operation, uint64_t left, uint64_t right) {
    ByteString expression;
    expression.U8(DW_OP_const8u).U64(left).U8(DW_OP_const8u).U64(right).U8(operation);
    return ValueOf(expression);
  };
  constexpr uint64_t kSmallest = uint64_t{1} << 63;
  EXPECT_EQ(of(DW_OP_plus, kNegative(1), 2), 1u);
  EXPECT_EQ(of(DW_OP_minus, 1, 2), kNegative(1));
  EXPECT_EQ(of(DW_OP_mul, kSmallest, 3), kSmallest);
  EXPECT_EQ(of(DW_OP_div, kNegative(7), 2), kNegative(3));
  EXPECT_EQ(of(DW_OP_div, kSmallest, kNegative(1)), kSmallest);
  EXPECT_EQ(of(DW_OP_mod, kNegative(1), 10), 5u);
  EXPECT_EQ(of(DW_OP_and, 12, 10), 8u);
  EXPECT_EQ(of(DW_OP_or, 12, 10), 14u);
  EXPECT_EQ(of(DW_OP_xor, 12, 10), 6u);
  EXPECT_EQ(of(DW_OP_shl, 1, 63), kSmallest);
  EXPECT_EQ(of(DW_OP_shl, 1, 64), 0u);
  EXPECT_EQ(of(DW_OP_shr, kSmallest, 63), 1u);
  EXPECT_EQ(of(DW_OP_shr, kSmallest, kNegative(1)), 0u);
  EXPECT_EQ(of(DW_OP_shra, kSmallest, 62), kNegative(2));
  EXPECT_EQ(of(DW_OP_shra, kSmallest, 64), kNegative(1));
  EXPECT_EQ(ValueOf({DW_OP_const1s, 0xf6, DW_OP_abs}), 10u);
  EXPECT_EQ(ValueOf({DW_OP_lit0 + 1, DW_OP_neg}), kNegative(1));
  EXPECT_EQ(ValueOf({DW_OP_lit0, DW_OP_not}), kNegative(1));
  EXPECT_EQ(ValueOf({DW_OP_lit0 + 1, DW_OP_plus_uconst, 0x80, 1}), 129u);
}

TEST(Expression, NothingIsDividedByZero) {
  EXPECT_EQ(ErrorOf({DW_OP_lit0 + 1, DW_OP_lit0, DW_OP_div}), ENOEXEC);
  EXPECT_EQ(ErrorOf({DW_OP_lit0 + 1, DW_OP_lit0, DW_OP_mod}), ENOEXEC);
}

TEST(Expression, ComparisonsAreSigned) {
  const auto minus_one_and_one = [](int comparison) {
    return ValueOf({DW_OP_const1s, 0xff, DW_OP_lit0 + 1, comparison});
  };
  EXPECT_EQ(minus_one_and_one(DW_OP_lt), 1u);
  EXPECT_EQ(minus_one_and_one(DW_OP_le), 1u);
  EXPECT_EQ(minus_one_and_one(DW_OP_gt), 0u);
  EXPECT_EQ(minus_one_and_one(DW_OP_ge), 0u);
  EXPECT_EQ(minus_one_and_one(DW_OP_eq), 0u);
  EXPECT_EQ(minus_one_and_one(DW_OP_ne), 1u);
}

TEST(Expression, MemoryIsReadAsFarAsItIsKnown) {
  EXPECT_EQ(ValueOf({DW_OP_const2u, 0x00, 0x01, DW_OP_deref}), 0x8877665544332211u);
  EXPECT_EQ(ValueOf({DW_OP_const2u, 0x00, 0x02, DW_OP_deref, DW_OP_deref}), 0x8877665544332211u);
  EXPECT_EQ(ValueOf({DW_OP_const2u, 0x00, 0x01, DW_OP_deref_size, 1}), 0x11u);
  EXPECT_EQ(ValueOf({DW_OP_const2u, 0x00, 0x01, DW_OP_deref_size, 4}), 0x44332211u);
  EXPECT_EQ(ValueOf({DW_OP_const2u, 0x04, 0x01, DW_OP_deref_size, 4}), 0x88776655u)
      << "the last half of the last word";
  EXPECT_EQ(ErrorOf({DW_OP_const2u, 0x00, 0x03, DW_OP_deref}), EFAULT);
  EXPECT_EQ(ErrorOf({DW_OP_lit0, DW_OP_deref_size, 0}), ENOEXEC);
  EXPECT_EQ(ErrorOf({DW_OP_lit0, DW_OP_deref_size, 9}), ENOEXEC);
}

TEST(Expression, JumpsStayInside) {
  EXPECT_EQ(ValueOf({DW_OP_lit0 + 5, DW_OP_skip, 1, 0, DW_OP_drop}), 5u);
  EXPECT_EQ(ValueOf({DW_OP_lit0 + 5, DW_OP_lit0 + 1, DW_OP_bra, 1, 0, DW_OP_drop}), 5u);
  EXPECT_EQ(ValueOf({DW_OP_lit0 + 5, DW_OP_lit0, DW_OP_bra, 1, 0, DW_OP_not}), kNegative(6));
  // Counts down from 5.
  EXPECT_EQ(
      ValueOf({DW_OP_lit0 + 5, DW_OP_lit0 + 1, DW_OP_minus, DW_OP_dup, DW_OP_bra, 0xfa, 0xff}), 0u);
  EXPECT_EQ(ErrorOf({DW_OP_lit0, DW_OP_skip, 1, 0}), ENOEXEC);
  EXPECT_EQ(ErrorOf({DW_OP_skip, 0xfc, 0xff}), ENOEXEC);
}

TEST(Expression, AnEndlessLoopEnds) { EXPECT_EQ(ErrorOf({DW_OP_skip, 0xfd, 0xff}), E2BIG); }

TEST(Expression, ATallStackIsRefused) {
  ByteString expression;
  for (int value = 0; value < 64; value++) expression.U8(DW_OP_lit0 + value % 32);
  EXPECT_EQ(ValueOf(expression), 31u);
  EXPECT_EQ(ErrorOf(expression.U8(DW_OP_dup)), E2BIG);
  EXPECT_EQ(ErrorOf({DW_OP_dup, DW_OP_skip, 0xfc, 0xff}, 1), E2BIG);
}

TEST(Expression, AnExpressionBeginsWithTheCfa) {
  EXPECT_EQ(ValueOf({}, 0x1234), 0x1234u);
  EXPECT_EQ(ValueOf({DW_OP_plus_uconst, 8}, 0x1234), 0x123cu);
}

TEST(Expression, WhatIsNoExpressionIsRefused) {
  EXPECT_EQ(ErrorOf({}), ENOEXEC);
  EXPECT_EQ(ErrorOf({DW_OP_plus}), ENOEXEC);
  EXPECT_EQ(ErrorOf({DW_OP_lit0, DW_OP_plus}), ENOEXEC);
  EXPECT_EQ(ErrorOf({DW_OP_lit0, DW_OP_pick, 1}), ENOEXEC);
  EXPECT_EQ(ErrorOf({DW_OP_call_frame_cfa}), ENOEXEC);
  EXPECT_EQ(ErrorOf({0xff}), ENOEXEC);
  EXPECT_EQ(ErrorOf({DW_OP_lit0, DW_OP_lit0 + 1, DW_OP_bra, 0}), ENOEXEC) << "half a distance";
}

TEST(Expression, AnOperandThatIsCutOffIsMissed) {
  const std::vector<int> operations = {DW_OP_addr,    DW_OP_const1u,   DW_OP_const2s,
                                       DW_OP_const4u, DW_OP_const8s,   DW_OP_constu,
                                       DW_OP_consts,  DW_OP_breg0 + 7, DW_OP_bregx,
                                       DW_OP_regx,    DW_OP_skip,      DW_OP_plus_uconst};
  for (const int operation : operations) {
    EXPECT_NE(ErrorOf({DW_OP_lit0, operation}), 0) << operation;
  }
}

}  // namespace
}  // namespace sonde
