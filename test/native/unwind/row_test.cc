#include "core/unwind/row.h"

#include <gtest/gtest.h>

#include "core/unwind/dwarf_constants.h"

namespace sonde {
namespace {

using Kind = RegisterRule::Kind;
constexpr uint64_t kSvma = 0x1234;

/// As most are on x86-64: CFA = rsp + 16, rbp saved below the return address.
CfiRow UsualRow() {
  CfiRow row;
  row.cfa_register = 7;
  row.cfa_offset = 16;
  row.return_address = 16;
  row.rules[16] = {Kind::kOffset, -8};
  row.rules[6] = {Kind::kOffset, -16};
  row.rules[7] = {Kind::kValueOffset, 0};
  return row;
}

UnwindRow::Kind KindOf(CfiRow row, const Architecture& architecture = kX86_64) {
  const CfiRow copy = row;
  const auto compact = Compact(std::move(row), kSvma, architecture);
  EXPECT_EQ(compact.rules != nullptr, compact.row.kind == UnwindRow::Kind::kRules);
  if (compact.rules) {
    EXPECT_EQ(compact.rules->rules, copy.rules);
  }
  return compact.row.kind;
}

TEST(Compact, TheUsualRowFitsIntoSixteenBytes) {
  const auto compact = Compact(UsualRow(), kSvma, kX86_64);
  EXPECT_EQ(compact.row.kind, UnwindRow::Kind::kStackPointer);
  EXPECT_EQ(compact.row.cfa_offset, 16);
  EXPECT_EQ(compact.row.return_address_offset, -8);
  EXPECT_EQ(compact.row.frame_pointer_offset, -16);
  EXPECT_FALSE(compact.rules);
}

TEST(Compact, AFramePointerMayBeKeptOrMakeTheCfa) {
  CfiRow row = UsualRow();
  row.rules[6] = {};
  EXPECT_EQ(Compact(std::move(row), kSvma, kX86_64).row.frame_pointer_offset, UnwindRow::kKept);
  row = UsualRow();
  row.cfa_register = 6;
  EXPECT_EQ(KindOf(row), UnwindRow::Kind::kFramePointer);
}

TEST(Compact, RegistersThatNoCfaDependsOnAreDropped) {
  CfiRow row = UsualRow();
  for (const unsigned number : {3, 12, 13, 14, 15}) row.rules[number] = {Kind::kOffset, -24};
  row.rules[0] = {Kind::kUndefined, 0};
  EXPECT_EQ(KindOf(row), UnwindRow::Kind::kStackPointer);
}

TEST(Compact, WhatDoesNotFitKeepsItsRules) {
  const auto kind_after = [](auto&& change) {
    CfiRow row = UsualRow();
    change(row);
    return KindOf(row);
  };
  constexpr auto kRules = UnwindRow::Kind::kRules;
  EXPECT_EQ(kind_after([](CfiRow& row) { row.cfa_register = 10; }), kRules);
  EXPECT_EQ(kind_after([](CfiRow& row) { row.cfa_offset = int64_t{1} << 31; }), kRules);
  EXPECT_EQ(kind_after([](CfiRow& row) { row.cfa_offset = UnwindRow::kKept; }), kRules);
  EXPECT_EQ(kind_after([](CfiRow& row) { row.rules[16].offset = UnwindRow::kKept; }), kRules);
  EXPECT_EQ(kind_after([](CfiRow& row) { row.rules[6].offset = UnwindRow::kKept; }), kRules);
  for (const Kind kind : {Kind::kUndefined, Kind::kValueOffset, Kind::kRegister, Kind::kExpression,
                          Kind::kValueExpression}) {
    EXPECT_EQ(kind_after([&](CfiRow& row) { row.rules[6].kind = kind; }), kRules);
    if (kind == Kind::kUndefined) continue;
    EXPECT_EQ(kind_after([&](CfiRow& row) { row.rules[16].kind = kind; }), kRules);
  }
  EXPECT_EQ(kind_after([](CfiRow& row) { row.rules[7] = {Kind::kValueOffset, 8}; }), kRules);
  EXPECT_EQ(kind_after([](CfiRow& row) { row.rules[7] = {Kind::kOffset, 0}; }), kRules);
}

TEST(Compact, OnX8664AReturnAddressThatNothingIsSaidOfIsNotOutermost) {
  CfiRow row = UsualRow();
  row.rules[16] = {};
  EXPECT_EQ(KindOf(row), UnwindRow::Kind::kRules);
}

TEST(Compact, AnUndefinedReturnAddressIsTheEnd) {
  CfiRow row = UsualRow();
  row.rules[16] = {Kind::kUndefined, 0};
  EXPECT_EQ(KindOf(row), UnwindRow::Kind::kOutermost);
  row.cfa_register = 10;
  EXPECT_EQ(KindOf(row), UnwindRow::Kind::kOutermost) << "however the CFA is made";
}

TEST(Compact, FlagsAreKeptInEveryKind) {
  for (const Kind rule : {Kind::kOffset, Kind::kUndefined, Kind::kExpression}) {
    CfiRow row = UsualRow();
    row.rules[16].kind = rule;
    row.signal_frame = true;
    row.signed_return_address = true;
    const auto compact = Compact(std::move(row), kSvma, kX86_64);
    EXPECT_TRUE(compact.row.signal_frame);
    EXPECT_TRUE(compact.row.signed_return_address);
    EXPECT_FALSE(compact.row.entry);
  }
}

TEST(Compact, OnAarch64TheReturnAddressMayBeInItsRegister) {
  CfiRow row;
  row.cfa_register = 31;
  row.return_address = 30;
  const auto leaf = Compact(CfiRow(row), kSvma, kAarch64).row;
  EXPECT_EQ(leaf.kind, UnwindRow::Kind::kStackPointer);
  EXPECT_EQ(leaf.return_address_offset, UnwindRow::kKept);

  row.cfa_register = 29;
  row.cfa_offset = 96;
  row.rules[29] = {Kind::kOffset, -96};
  row.rules[30] = {Kind::kOffset, -88};
  row.signed_return_address = true;
  const auto frame = Compact(CfiRow(row), kSvma, kAarch64).row;
  EXPECT_EQ(frame.kind, UnwindRow::Kind::kFramePointer);
  EXPECT_EQ(frame.frame_pointer_offset, -96);
  EXPECT_EQ(frame.return_address_offset, -88);
  EXPECT_TRUE(frame.signed_return_address);

  row.rules[30] = {Kind::kRegister, 17};
  EXPECT_EQ(KindOf(row, kAarch64), UnwindRow::Kind::kRules);
  row.rules[30] = {};
  row.return_address = 29;
  row.rules[29] = {};
  EXPECT_EQ(KindOf(row, kAarch64), UnwindRow::Kind::kRules) << "in a column that is no link";
}

CfiRow RowOf(std::vector<uint8_t> expression) {
  CfiRow row = UsualRow();
  row.cfa_is_expression = true;
  row.cfa_offset = 0;
  row.expressions = {std::move(expression)};
  return row;
}

/// rsp + 8 + ((rip & 15) >= 11) << 3: as ld writes it for the PLT, whose entries push in their last five bytes.
const std::vector<uint8_t> kPlt = {DW_OP_breg0 + 7, 8,         DW_OP_breg0 + 16, 0,
                                   DW_OP_lit0 + 15, DW_OP_and, DW_OP_lit0 + 11,  DW_OP_ge,
                                   DW_OP_lit0 + 3,  DW_OP_shl, DW_OP_plus};

TEST(Compact, AnEntryOfThePltBecomesAnOffset) {
  for (uint64_t byte = 0; byte < 16; byte++) {
    const auto compact = Compact(RowOf(kPlt), 0x1020 + byte, kX86_64);
    EXPECT_EQ(compact.row.kind, UnwindRow::Kind::kStackPointer);
    EXPECT_EQ(compact.row.cfa_offset, byte < 11 ? 8 : 16);
    EXPECT_EQ(compact.row.return_address_offset, -8);
  }
}

TEST(Compact, AnExpressionThatDependsOnMoreStaysOne) {
  const std::vector<std::vector<uint8_t>> expressions = {
      {DW_OP_breg0 + 6, 8},                                            // the frame pointer
      {DW_OP_breg0 + 7, 8, DW_OP_deref},                               // memory
      {DW_OP_breg0 + 7, 0, DW_OP_const1s, 0xf0, DW_OP_and},            // the stack's alignment
      {DW_OP_breg0 + 7, 0, DW_OP_const1u, 0xff, DW_OP_or},             //
      {DW_OP_breg0 + 7, 0, DW_OP_breg0 + 16, 0, DW_OP_plus},           // where the file is mapped
      {DW_OP_lit0 + 8},                                                // nothing at all
      {DW_OP_breg0 + 7, 0, DW_OP_lit0 + 1, DW_OP_shl},                 //
      {DW_OP_breg0 + 7, 0, DW_OP_const4u, 0, 0, 0, 0x80, DW_OP_plus},  // more than an offset holds
      {0xff},
      {}};
  for (const auto& expression : expressions) {
    EXPECT_EQ(KindOf(RowOf(expression)), UnwindRow::Kind::kRules) << int(expression.size());
  }
}

}  // namespace
}  // namespace sonde
