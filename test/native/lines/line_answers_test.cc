#include "core/lines/line_answers.h"

#include <gtest/gtest.h>

#include "lines/line_records.h"

namespace sonde {
namespace {

using Lines = std::vector<LineEntry>;

TEST(LineAnswers, AnswersArriveInWhateverPieces) {
  LineRecords records;
  records.Text("inner").Text("a.h").Text("outer");
  records.Answer({1, 2, 0x1000, 0x1000}, {{1, 2, 3}, {3, 2, 9}}).Answer({0, 0, 0, 0}, {}).End("");
  LineAnswers answers(3);
  for (const std::byte one : records.bytes()) {
    EXPECT_FALSE(answers.ended());
    ASSERT_TRUE(answers.Take(std::span(&one, 1)));
  }
  EXPECT_TRUE(answers.ended());
  EXPECT_EQ(answers.answered(), 2u);
  ASSERT_TRUE(answers.answers()[0]);
  EXPECT_TRUE(answers.answers()[0]->lines.empty());
  ASSERT_TRUE(answers.answers()[1]);
  EXPECT_EQ(answers.answers()[1]->start, 0x1000u);
  EXPECT_EQ(answers.texts()[answers.answers()[1]->lines[1].function], "outer");
  EXPECT_FALSE(answers.answers()[2]);
}

TEST(LineAnswers, ItsLastWordsAreKept) {
  LineAnswers answers(1);
  ASSERT_TRUE(answers.Take(LineRecords().End("its DWARF is odd").bytes()));
  EXPECT_EQ(answers.problem(), "its DWARF is odd");
}

/// What a child says that has become hostile.
std::string RefusalOf(const LineRecords& records, size_t addresses = 4) {
  LineAnswers answers(addresses);
  const auto taken = answers.Take(records.bytes());
  return taken ? "" : taken.error().what;
}

TEST(LineAnswers, WhatIsNotAllowedIsRefused) {
  EXPECT_NE(RefusalOf(LineRecords().Raw(LineRecordKind{9}, 0)), "") << "no such kind";
  EXPECT_NE(RefusalOf(LineRecords().Raw(LineRecordKind::kText, 1 << 30)), "") << "too long";
  EXPECT_NE(RefusalOf(LineRecords().Raw(LineRecordKind::kAnswer, 4).Text("")), "") << "too short";
  EXPECT_NE(RefusalOf(LineRecords().Text(std::string(kMaxLineText + 1, 'x'))), "");
  EXPECT_NE(RefusalOf(LineRecords().Answer({4, 0, 0, 0}, {})), "") << "an address behind the last";
  EXPECT_NE(RefusalOf(LineRecords().Answer({0, 0, 0, 0}, {}).Answer({0, 0, 0, 0}, {})), "")
      << "twice";
  EXPECT_NE(RefusalOf(LineRecords().Answer({0, 1, 0, 0}, {{1, 0, 1}})), "") << "a text never sent";
  EXPECT_NE(RefusalOf(LineRecords().Answer({0, 1, 0, 0}, {{0, 1, 1}})), "") << "a file never sent";
  EXPECT_NE(RefusalOf(LineRecords().Answer({0, 2, 0, 0}, {{0, 0, 1}})), "") << "a count that lies";
  EXPECT_NE(RefusalOf(LineRecords().Answer({0, kMaxLineDepth + 1, 0, 0}, Lines(kMaxLineDepth + 1))),
            "");
  EXPECT_NE(RefusalOf(LineRecords().End("").Text("more")), "") << "words behind the end";
}

TEST(LineAnswers, TextsAreBounded) {
  LineAnswers answers(1);
  const auto text = LineRecords().Text(std::string(kMaxLineText, 'x'));
  size_t taken = 0;
  while (answers.Take(text.bytes())) ASSERT_LT(++taken, 10'000u);
  EXPECT_GT(taken, 1000u);
  LineAnswers empties(1);
  const auto empty = LineRecords().Text("");
  for (taken = 0; empties.Take(empty.bytes()); taken++) ASSERT_LT(taken, 10'000'000u);
}

}  // namespace
}  // namespace sonde
