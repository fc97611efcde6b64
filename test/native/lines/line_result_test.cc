#include "core/lines/line_result.h"

#include <gtest/gtest.h>

#include "lines/line_records.h"

namespace sonde {
namespace {

TEST(LineResult, NamesAndFilesArePrintable) {
  LineRecords records;
  records.Text("\u009b2Jgröße").Text("/src/\u202egnp.計算\x1b.c");
  records.Answer({0, 1, 0x1000, 0x1000}, {{1, 2, 3}}).End("");
  LineAnswers answers(1);
  ASSERT_TRUE(answers.Take(records.bytes()));
  ImageLines lines;
  lines.Add(std::vector<AskedAddress>{{.address = 7, .svma = 0x1007}}, answers);
  const LineResult result = ToLineResult({7}, lines);
  EXPECT_EQ(result.functions, std::vector<std::string>{"?2Jgröße"});
  EXPECT_EQ(result.system_names, std::vector<std::string>{"?2Jgröße"});
  EXPECT_EQ(result.files, std::vector<std::string>{"/src/?gnp.計算?.c"});
}

}  // namespace
}  // namespace sonde
