#include "core/unwind/go_table.h"

#include <gtest/gtest.h>

#include "unwind/go_table_bytes.h"

namespace sonde::test {
namespace {

constexpr uint64_t kText = kTextSvma;
constexpr uint8_t kTopFrame = 1;
constexpr uint8_t kMovesStack = 2;
constexpr auto kNothing = std::optional<uint32_t>();

Result<GoTable> ReadTable(const TestSections& file) {
  return GoTable::Read(FileOf(file.bytes), file.sections);
}

GoTable TableOf(const TestGoTable& table) {
  auto read = ReadTable(SectionsOf(table));
  EXPECT_TRUE(read) << read.error().what;
  return std::move(*read);
}

std::vector<std::pair<uint64_t, uint64_t>> Entries(const GoTable& table) {
  std::vector<std::pair<uint64_t, uint64_t>> entries;
  for (const SvmaRange& range : table.entries()) entries.emplace_back(range.start, range.end);
  return entries;
}

class GoTableLayouts : public testing::TestWithParam<GoTableLayout> {};

TEST_P(GoTableLayouts, TheStackIsAsTheTableSaysAtEachInstruction) {
  const GoTable table =
      TableOf({.layout = GetParam(),
               .functions = {{"main.leaf", 16, {{16, 0}}},
                             {"main.main", 64, {{4, 0}, {40, 0x1238}, {4, 8}, {16, 0}}},
                             {"main.cut", 32, {{8, 0}}}}});
  EXPECT_EQ(table.functions(), 3u);
  EXPECT_EQ(table.StackBytes(kText - 1), kNothing);
  EXPECT_EQ(table.StackBytes(kText), 0u);
  EXPECT_EQ(table.StackBytes(kText + 15), 0u);
  const uint64_t main = kText + 16;
  EXPECT_EQ(table.StackBytes(main + 3), 0u);
  EXPECT_EQ(table.StackBytes(main + 4), 0x1238u);
  EXPECT_EQ(table.StackBytes(main + 43), 0x1238u);
  EXPECT_EQ(table.StackBytes(main + 44), 8u);
  EXPECT_EQ(table.StackBytes(main + 48), 0u);
  EXPECT_EQ(table.StackBytes(main + 63), 0u);
  // Behind what its values reach to.
  EXPECT_EQ(table.StackBytes(main + 64 + 8), kNothing);
  EXPECT_TRUE(table.Covers(main + 64 + 31));
  EXPECT_FALSE(table.Covers(main + 64 + 32));
  EXPECT_FALSE(table.Covers(~uint64_t{0}));
  EXPECT_EQ(table.StackBytes(~uint64_t{0}), kNothing);
}

TEST_P(GoTableLayouts, StacksBeginInFunctionsOfTheRuntime) {
  const GoTable table = TableOf({.layout = GetParam(),
                                 .functions = {{"runtime.goexit"},
                                               {"runtime.goexit1"},
                                               {"my/runtime.goexit"},
                                               {"runtime.mstart"},
                                               {"runtime.mstart1"},
                                               {"runtime.rt0_go"},
                                               {"runtime.sigtramp"},
                                               {"runtime.sigreturn__sigaction"}}});
  using Range = std::pair<uint64_t, uint64_t>;
  EXPECT_EQ(Entries(table),
            (std::vector<Range>{
                {kText, kText + 32}, {kText + 96, kText + 128}, {kText + 160, kText + 192}}));
  EXPECT_EQ(table.StackBytes(kText + 1), kNothing) << "what lies above is no return address";
  EXPECT_EQ(table.StackBytes(kText + 33), 0u);
  EXPECT_EQ(table.signal_return(), kText + 7 * 32);
}

TEST_P(GoTableLayouts, CodeThatTheTableSaysNothingOfIsNotCovered) {
  const GoTable table =
      TableOf({.layout = GetParam(), .functions = {{"main.main"}, {"c_function", 32, {}}}});
  EXPECT_TRUE(table.Covers(kText + 31));
  EXPECT_FALSE(table.Covers(kText + 32));
  EXPECT_EQ(table.StackBytes(kText + 32), kNothing);
}

TEST_P(GoTableLayouts, AFunctionThatGoesToAnotherStackIsKnownAtItsFirstInstruction) {
  const GoTable table =
      TableOf({.layout = GetParam(), .functions = {{"runtime.systemstack"}, {"main.main"}}});
  EXPECT_EQ(table.StackBytes(kText), 0u);
  EXPECT_EQ(table.StackBytes(kText + 1), kNothing);
  EXPECT_TRUE(table.Covers(kText + 1));
}

TEST_P(GoTableLayouts, AnInstructionOfFourBytesIsCountedAsOne) {
  const GoTable table = TableOf({.layout = GetParam(),
                                 .functions = {{"main.main", 32, {{4, 0}, {24, 48}, {4, 0}}}},
                                 .quantum = 4});
  EXPECT_EQ(table.StackBytes(kText), 0u);
  EXPECT_EQ(table.StackBytes(kText + 4), 48u);
  EXPECT_EQ(table.StackBytes(kText + 24), 48u);
  EXPECT_EQ(table.StackBytes(kText + 28), 0u);
}

std::string NameOfLayout(const testing::TestParamInfo<GoTableLayout>& info) {
  constexpr const char* kNames[] = {"Go12", "Go116", "Go118", "Go120"};
  return kNames[static_cast<size_t>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(Each, GoTableLayouts,
                         testing::Values(GoTableLayout::kGo12, GoTableLayout::kGo116,
                                         GoTableLayout::kGo118, GoTableLayout::kGo120),
                         NameOfLayout);

TEST(GoTable, FunctionsThatMoveTheStackPointerAreMarkedSinceGo117) {
  for (const auto layout : {GoTableLayout::kGo116, GoTableLayout::kGo118, GoTableLayout::kGo120}) {
    const GoTable table =
        TableOf({.layout = layout,
                 .functions = {{"crypto/sha512.blockAVX2", 32, {{32, 8}}, kMovesStack},
                               {"runtime.cgocallback", 32, {{32, 8}}, kMovesStack},
                               {"main.main", 32, {{32, 8}}, kTopFrame}}});
    EXPECT_EQ(table.StackBytes(kText), 0u);
    EXPECT_EQ(table.StackBytes(kText + 16), kNothing);
    EXPECT_EQ(table.StackBytes(kText + 48), 8u) << "its frame is right on both stacks";
    EXPECT_EQ(table.StackBytes(kText + 80), 8u);
  }
}

TEST(GoTable, AThreadsStackBeginsWhereMcallHasMadeRoomForItsCall) {
  const GoTable table = TableOf(
      {.functions = {{"runtime.mcall", 64, {{1, 0}, {40, 8}, {8, 16}, {15, 8}}, kMovesStack},
                     {"main.main"}}});
  EXPECT_EQ(Entries(table), (std::vector<std::pair<uint64_t, uint64_t>>{{kText + 41, kText + 49}}));
  EXPECT_EQ(table.StackBytes(kText + 20), kNothing);
}

TEST(GoTable, AThreadsStackBeginsWhereMorestackCallsNewstack) {
  const TestGoTable made{
      .functions = {{"runtime.morestack", 64, {{64, 0}}, kMovesStack}, {"runtime.newstack"}}};
  TestSections file = SectionsOf(made);
  // call rel32, 40 bytes into the code, to what follows it.
  const std::string call = std::string(1, '\xe8') + elf_builder::BytesOf(int32_t{64 - 45});
  file.bytes.replace(file.sections[0].file_offset + 40, call.size(), call);
  const auto table = ReadTable(file);
  ASSERT_TRUE(table);
  EXPECT_EQ(Entries(*table),
            (std::vector<std::pair<uint64_t, uint64_t>>{{kText + 32, kText + 64}}));
  EXPECT_EQ(table->StackBytes(kText + 31), 0u) << "not yet on the other stack";

  const GoTable other = TableOf(made);
  EXPECT_EQ(Entries(other), (std::vector<std::pair<uint64_t, uint64_t>>{{kText, kText + 64}}));
}

TEST(GoTable, SequencesThatFunctionsShareAreHeldOnce) {
  TestGoTable made;
  for (int i = 0; i < 10'000; i++) made.functions.push_back({"main.function"});
  EXPECT_LT(TableOf(made).bytes(), 10'000 * 12 + 1000u);
}

}  // namespace
}  // namespace sonde::test
