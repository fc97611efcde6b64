#include "core/unwind/cfi_program.h"

#include <gtest/gtest.h>

#include "unwind/cfi_builder.h"

namespace sonde {
namespace {

using test::ByteString;
using test::TestCie;
using Kind = RegisterRule::Kind;

constexpr uint64_t kFunction = 0x1000;

/// The row `offset` bytes into a function with these instructions.
Result<CfiRow> RowAt(const ByteString& instructions, uint64_t offset, const TestCie& cie = {},
                     const Architecture& architecture = kX86_64) {
  const test::TestFrames frames{.cie = cie,
                                .functions = {{kFunction, uint64_t{1} << 40, instructions}}};
  // A size of 64 bits is .debug_frame's.
  const auto source = MakeDebugFrame(frames.DebugFrame().Section(0x40000), architecture);
  if (!source) return source.error();
  return (*source)->Find(kFunction + offset);
}

CfiRow GoodRow(const ByteString& instructions, uint64_t offset = 0, const TestCie& cie = {},
               const Architecture& architecture = kX86_64) {
  auto row = RowAt(instructions, offset, cie, architecture);
  EXPECT_TRUE(row) << row.error().what;
  return row ? *row : CfiRow{};
}

int ErrorOf(const ByteString& instructions, uint64_t offset = 0) {
  const auto row = RowAt(instructions, offset);
  return row ? 0 : row.error().code;
}

TEST(CfiProgram, AFunctionBeginsWithWhatItsCieSays) {
  const CfiRow row = GoodRow({});
  EXPECT_FALSE(row.cfa_is_expression);
  EXPECT_EQ(row.cfa_register, 7);
  EXPECT_EQ(row.cfa_offset, 8);
  EXPECT_EQ(row.return_address, 16);
  EXPECT_EQ(row.rules[16], (RegisterRule{Kind::kOffset, -8}));
  EXPECT_EQ(row.rules[6], (RegisterRule{Kind::kSame, 0}));
  EXPECT_EQ(row.rules[7], (RegisterRule{Kind::kValueOffset, 0})) << "the caller's rsp is the CFA";
}

TEST(CfiProgram, ARowLastsUntilTheLocationAdvances) {
  const TestCie cie{.code_alignment = 4};
  ByteString program = {DW_CFA_advance_loc | 2, DW_CFA_def_cfa_offset, 16};
  program.U8(DW_CFA_advance_loc1).U8(3).Add({DW_CFA_def_cfa_offset, 24});
  program.U8(DW_CFA_advance_loc2).U16(0x100).Add({DW_CFA_def_cfa_offset, 32});
  program.U8(DW_CFA_advance_loc4).U32(0x10000).Add({DW_CFA_def_cfa_offset, 40});
  program.U8(DW_CFA_MIPS_advance_loc8).U64(0x100000000).Add({DW_CFA_def_cfa_offset, 48});
  const auto cfa_offset = [&](uint64_t offset) { return GoodRow(program, offset, cie).cfa_offset; };
  EXPECT_EQ(cfa_offset(7), 8);
  EXPECT_EQ(cfa_offset(8), 16);
  EXPECT_EQ(cfa_offset(19), 16);
  EXPECT_EQ(cfa_offset(20), 24);
  EXPECT_EQ(cfa_offset(20 + 0x400), 32);
  EXPECT_EQ(cfa_offset(20 + 0x400 + 0x3ffff), 32);
  EXPECT_EQ(cfa_offset(20 + 0x400 + 0x40000), 40);
  EXPECT_EQ(cfa_offset(20 + 0x400 + 0x40000 + 0x400000000), 48);
}

TEST(CfiProgram, ALocationMayBeSetButNotBack) {
  ByteString program;
  program.U8(DW_CFA_set_loc).U64(kFunction + 5).Add({DW_CFA_def_cfa_offset, 16});
  EXPECT_EQ(GoodRow(program, 4).cfa_offset, 8);
  EXPECT_EQ(GoodRow(program, 5).cfa_offset, 16);
  program.U8(DW_CFA_set_loc).U64(kFunction + 4);
  EXPECT_EQ(ErrorOf(program, 5), ENOEXEC);
}

TEST(CfiProgram, AnAdvanceThatOverflowsIsTheLast) {
  const TestCie cie{.code_alignment = ~uint64_t{0}};
  ByteString program;
  program.U8(DW_CFA_advance_loc4).U32(0xffffffff).Add({DW_CFA_def_cfa_offset, 16});
  EXPECT_EQ(GoodRow(program, 100, cie).cfa_offset, 8);
  EXPECT_EQ(GoodRow({DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16}, 100, cie).cfa_offset, 8);
}

TEST(CfiProgram, TheCfaIsSetWholeOrByHalves) {
  const auto cfa = [](const ByteString& program) {
    const CfiRow row = GoodRow(program);
    return std::pair<int, int64_t>(row.cfa_register, row.cfa_offset);
  };
  using Cfa = std::pair<int, int64_t>;
  EXPECT_EQ(cfa({DW_CFA_def_cfa, 6, 0x90, 1}), Cfa(6, 144));
  EXPECT_EQ(cfa({DW_CFA_def_cfa_sf, 6, 0x7e}), Cfa(6, 16));
  EXPECT_EQ(cfa({DW_CFA_def_cfa_register, 6}), Cfa(6, 8));
  EXPECT_EQ(cfa({DW_CFA_def_cfa_offset, 32}), Cfa(7, 32));
  EXPECT_EQ(cfa({DW_CFA_def_cfa_offset_sf, 1}), Cfa(7, -8));
}

TEST(CfiProgram, TheCfaMayBeAnExpression) {
  const ByteString expression = {DW_OP_breg0 + 6, 0x78, DW_OP_deref};
  ByteString program = {DW_CFA_def_cfa_expression};
  program.Block(expression);
  const CfiRow row = GoodRow(program);
  EXPECT_TRUE(row.cfa_is_expression);
  ASSERT_EQ(row.cfa_offset, 0);
  const auto bytes = expression.span();
  EXPECT_EQ(row.expressions.at(0), std::vector<uint8_t>(bytes.begin(), bytes.end()));
  // Half of it makes no sense then, the whole does.
  EXPECT_EQ(ErrorOf(ByteString(program).Add({DW_CFA_def_cfa_offset, 8})), ENOEXEC);
  EXPECT_EQ(GoodRow(program.Add({DW_CFA_def_cfa, 7, 8})).cfa_offset, 8);
}

TEST(CfiProgram, EveryRuleOfARegister) {
  const auto rbx = [](const ByteString& program) { return GoodRow(program).rules[3]; };
  EXPECT_EQ(rbx({DW_CFA_offset | 3, 2}), (RegisterRule{Kind::kOffset, -16}));
  EXPECT_EQ(rbx({DW_CFA_offset_extended, 3, 2}), (RegisterRule{Kind::kOffset, -16}));
  EXPECT_EQ(rbx({DW_CFA_offset_extended_sf, 3, 0x7e}), (RegisterRule{Kind::kOffset, 16}));
  EXPECT_EQ(rbx({DW_CFA_GNU_negative_offset_extended, 3, 2}), (RegisterRule{Kind::kOffset, 16}));
  EXPECT_EQ(rbx({DW_CFA_val_offset, 3, 2}), (RegisterRule{Kind::kValueOffset, -16}));
  EXPECT_EQ(rbx({DW_CFA_val_offset_sf, 3, 0x7e}), (RegisterRule{Kind::kValueOffset, 16}));
  EXPECT_EQ(rbx({DW_CFA_register, 3, 12}), (RegisterRule{Kind::kRegister, 12}));
  EXPECT_EQ(rbx({DW_CFA_register, 3, 0x83, 0x80, 0x80, 0x80, 0x10}),
            (RegisterRule{Kind::kRegister, 255}))
      << "3 + 2^32 is not register 3";
  EXPECT_EQ(rbx({DW_CFA_undefined, 3}), (RegisterRule{Kind::kUndefined, 0}));
  EXPECT_EQ(rbx({DW_CFA_undefined, 3, DW_CFA_same_value, 3}), (RegisterRule{Kind::kSame, 0}));
}

TEST(CfiProgram, ExpressionsOfRegistersAreCopied) {
  const CfiRow row = GoodRow({DW_CFA_val_expression, 6, 1, DW_OP_nop,  //
                              DW_CFA_expression, 3, 2, DW_OP_lit0, DW_OP_plus});
  EXPECT_EQ(row.rules[3], (RegisterRule{Kind::kExpression, 0}));
  EXPECT_EQ(row.rules[6], (RegisterRule{Kind::kValueExpression, 1}));
  EXPECT_EQ(row.expressions,
            (std::vector<std::vector<uint8_t>>{{DW_OP_lit0, DW_OP_plus}, {DW_OP_nop}}));
}

TEST(CfiProgram, AVeryLongExpressionIsRefused) {
  for (const int instruction : {DW_CFA_expression, DW_CFA_def_cfa_expression}) {
    ByteString expression;
    for (int count = 0; count < 5000; count++) expression.U8(DW_OP_nop);
    ByteString program = {instruction};
    if (instruction == DW_CFA_expression) program.U8(3);
    EXPECT_EQ(ErrorOf(program.Block(expression)), E2BIG);
  }
}

TEST(CfiProgram, RestoringGoesBackToTheCie) {
  const TestCie cie{.instructions = {DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 3, 5}};
  const ByteString changed = {DW_CFA_offset | 3, 2, DW_CFA_offset | 6, 3, DW_CFA_same_value, 7};
  const CfiRow row = GoodRow(
      ByteString(changed).Add({DW_CFA_restore | 3, DW_CFA_restore | 6, DW_CFA_restore_extended, 7}),
      0, cie);
  EXPECT_EQ(row.rules[3], (RegisterRule{Kind::kOffset, -40}));
  EXPECT_EQ(row.rules[6], (RegisterRule{Kind::kSame, 0}));
  EXPECT_EQ(row.rules[7], (RegisterRule{Kind::kValueOffset, 0}));
}

TEST(CfiProgram, AStateIsRememberedWithItsCfa) {
  const ByteString program = {DW_CFA_offset | 3,
                              2,
                              DW_CFA_remember_state,
                              DW_CFA_def_cfa,
                              6,
                              16,
                              DW_CFA_offset | 3,
                              9,
                              DW_CFA_offset | 12,
                              4,
                              DW_CFA_advance_loc | 1,
                              DW_CFA_restore_state};
  EXPECT_EQ(GoodRow(program, 0).cfa_register, 6);
  EXPECT_EQ(GoodRow(program, 0).rules[12].kind, Kind::kOffset);
  const CfiRow row = GoodRow(program, 1);
  EXPECT_EQ(row.cfa_register, 7);
  EXPECT_EQ(row.rules[3], (RegisterRule{Kind::kOffset, -16}));
  EXPECT_EQ(row.rules[12].kind, Kind::kSame);
}

TEST(CfiProgram, StatesNestEightDeep) {
  ByteString program;
  for (int depth = 0; depth < 8; depth++) {
    program.Add({DW_CFA_remember_state, DW_CFA_def_cfa_offset, 16 + depth});
  }
  ByteString back = program;
  for (int depth = 0; depth < 8; depth++) back.U8(DW_CFA_restore_state);
  EXPECT_EQ(GoodRow(back).cfa_offset, 8);
  EXPECT_EQ(ErrorOf(back.U8(DW_CFA_restore_state)), ENOEXEC);
  EXPECT_EQ(ErrorOf(program.U8(DW_CFA_remember_state)), E2BIG);
}

TEST(CfiProgram, RegistersThatAreNotKeptAreReadOver) {
  const CfiRow row = GoodRow({DW_CFA_offset | 40, 2, DW_CFA_undefined, 0x80, 1,  //
                              DW_CFA_restore | 50, DW_CFA_expression, 99, 1, DW_OP_nop,
                              DW_CFA_GNU_args_size, 16, DW_CFA_nop, DW_CFA_def_cfa_offset, 24});
  EXPECT_EQ(row.cfa_offset, 24);
  EXPECT_TRUE(row.expressions.empty());
}

TEST(CfiProgram, ACfaOfARegisterThatIsNotKeptIsRefused) {
  EXPECT_EQ(ErrorOf({DW_CFA_def_cfa, 40, 8}), ENOEXEC);
  EXPECT_EQ(ErrorOf({DW_CFA_def_cfa_register, 0x87, 0x02}), ENOEXEC) << "7 + 256";
  EXPECT_FALSE(RowAt({}, 0, {.instructions = {}})) << "no CFA at all";
}

TEST(CfiProgram, WhatIsNoInstructionIsRefused) {
  EXPECT_EQ(ErrorOf({0x17}), ENOEXEC);
  EXPECT_EQ(ErrorOf({DW_CFA_AARCH64_negate_ra_state}), ENOEXEC) << "SPARC's";
  EXPECT_EQ(ErrorOf({DW_CFA_def_cfa, 7}), ENOEXEC);
  EXPECT_EQ(ErrorOf({DW_CFA_advance_loc4, 1, 2}), ENOEXEC);
  EXPECT_EQ(ErrorOf({DW_CFA_expression, 3, 5, DW_OP_nop}), ENOEXEC) << "longer than the entry";
}

TEST(CfiProgram, InstructionsWithoutEndAreNotRun) {
  ByteString program;
  for (int count = 0; count < 70'000; count++) program.U8(DW_CFA_nop);
  EXPECT_EQ(ErrorOf(program), E2BIG);
}

/// As Clang writes it: x30 is the return address and lies in no memory yet.
const TestCie kArmCie{.augmentation_data = {DW_EH_PE_pcrel | DW_EH_PE_sdata4},
                      .code_alignment = 4,
                      .return_address = 30,
                      .instructions = {DW_CFA_def_cfa, 31, 0}};

TEST(CfiProgram, OnAarch64AReturnAddressMayBeSigned) {
  // paciasp; stp x29, x30, [sp, #-16]!; …; ldp; autiasp; ret
  const ByteString program = {DW_CFA_advance_loc | 1,
                              DW_CFA_AARCH64_negate_ra_state,
                              DW_CFA_advance_loc | 1,
                              DW_CFA_def_cfa_offset,
                              16,
                              DW_CFA_offset | 29,
                              2,
                              DW_CFA_offset | 30,
                              1,
                              DW_CFA_remember_state,
                              DW_CFA_advance_loc | 2,
                              DW_CFA_restore | 29,
                              DW_CFA_restore | 30,
                              DW_CFA_def_cfa_offset,
                              0,
                              DW_CFA_advance_loc | 1,
                              DW_CFA_AARCH64_negate_ra_state_with_pc,
                              DW_CFA_advance_loc | 1,
                              DW_CFA_restore_state};
  const auto row = [&](uint64_t offset) { return GoodRow(program, offset, kArmCie, kAarch64); };
  EXPECT_FALSE(row(0).signed_return_address);
  EXPECT_EQ(row(0).rules[30].kind, Kind::kSame);
  EXPECT_TRUE(row(4).signed_return_address);
  EXPECT_TRUE(row(8).signed_return_address);
  EXPECT_EQ(row(8).rules[30], (RegisterRule{Kind::kOffset, -8}));
  EXPECT_EQ(row(8).rules[29], (RegisterRule{Kind::kOffset, -16}));
  EXPECT_EQ(row(8).return_address, 30);
  EXPECT_TRUE(row(16).signed_return_address);
  EXPECT_EQ(row(16).rules[30].kind, Kind::kSame);
  EXPECT_FALSE(row(20).signed_return_address);
  EXPECT_TRUE(row(24).signed_return_address) << "remembered with the rest";
}

}  // namespace
}  // namespace sonde
