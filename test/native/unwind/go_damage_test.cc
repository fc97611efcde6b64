// Go tables that a hostile file could hold: nothing may crash, or read or allocate without bound.
#include <gtest/gtest.h>

#include <random>

#include "core/unwind/go_table.h"
#include "unwind/go_table_bytes.h"

namespace sonde::test {
namespace {

constexpr uint64_t kText = kTextSvma;
constexpr GoTableLayout kLayouts[] = {GoTableLayout::kGo12, GoTableLayout::kGo116,
                                      GoTableLayout::kGo118, GoTableLayout::kGo120};

TestGoTable Whole(GoTableLayout layout) {
  TestGoTable table{.layout = layout, .says_text = layout != GoTableLayout::kGo120};
  for (const char* name : {"runtime.rt0_go", "runtime.mcall", "runtime.morestack",
                           "runtime.newstack", "runtime.goexit", "runtime.sigreturn"}) {
    table.functions.push_back({name, 64, {{8, 0}, {40, 24}, {16, 8}}});
  }
  for (int32_t i = 0; i < 20; i++) {
    table.functions.push_back({"main.f" + std::to_string(i), 32, {{4, 0}, {20, i * 300}, {8, 0}}});
  }
  return table;
}

/// Reads and asks everything, as unwinding does. Returns what the table holds.
size_t Use(const TestSections& file) {
  const auto table = GoTable::Read(FileOf(file.bytes), file.sections);
  if (!table) return 0;
  for (uint64_t svma = kText - 4; svma < kText + 2048; svma += 3) {
    (void)table->StackBytes(svma);
    (void)table->Covers(svma);
  }
  (void)table->StackBytes(~uint64_t{0});
  return table->bytes();
}

TEST(GoTableDamage, TablesThatAreCutAreSurvived) {
  for (const GoTableLayout layout : kLayouts) {
    const TestSections whole = SectionsOf(Whole(layout));
    ASSERT_GT(Use(whole), 0u);
    for (size_t size = 0; size < whole.sections[1].size; size += 3) {
      TestSections cut = whole;
      cut.sections[1].size = size;
      Use(cut);
      // The file, and not the section, as when it is written while it is read.
      cut.sections[1].size = whole.sections[1].size;
      cut.bytes.resize(cut.sections[1].file_offset + size);
      Use(cut);
    }
  }
}

TEST(GoTableDamage, BitFlipsAreSurvived) {
  std::mt19937 random(1);
  for (const GoTableLayout layout : kLayouts) {
    const TestSections whole = SectionsOf(Whole(layout));
    for (int round = 0; round < 2000; round++) {
      TestSections damaged = whole;
      for (size_t flips = 1 + random() % 4; flips > 0; flips--) {
        const size_t at = whole.sections[1].file_offset + random() % whole.sections[1].size;
        damaged.bytes[at] = static_cast<char>(damaged.bytes[at] ^ (1 << random() % 8));
      }
      Use(damaged);
    }
  }
}

TEST(GoTableDamage, NumbersThatClaimTooMuchAreSurvived) {
  for (const GoTableLayout layout : kLayouts) {
    const TestSections whole = SectionsOf(Whole(layout));
    for (size_t at = 8; at + 8 <= whole.sections[1].size; at += 4) {
      for (const uint64_t value : {~uint64_t{0}, uint64_t{1} << 63, uint64_t{0x7fffffff},
                                   uint64_t{1} << 32, uint64_t{1} << 20}) {
        TestSections damaged = whole;
        damaged.bytes.replace(damaged.sections[1].file_offset + at, 8, elf_builder::BytesOf(value));
        Use(damaged);
      }
    }
  }
}

TEST(GoTableDamage, FunctionsOutOfOrderAreRefused) {
  TestSections file = SectionsOf(Whole(GoTableLayout::kGo118));
  TestGoTable table = Whole(GoTableLayout::kGo118);
  const std::string bytes = table.Bytes();
  uint64_t records = 0;
  std::memcpy(&records, bytes.data() + 64, sizeof(records));
  std::string index = bytes.substr(records, 16);
  std::swap_ranges(index.begin(), index.begin() + 8, index.begin() + 8);
  file.bytes.replace(file.sections[1].file_offset + records, index.size(), index);
  const auto read = GoTable::Read(FileOf(file.bytes), file.sections);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ENOEXEC);
}

TEST(GoTableDamage, ManyLongSequencesAreRefused) {
  // Each function has a sequence that begins within that of the one before: all end at the same place.
  TestGoTable table{.layout = GoTableLayout::kGo118};
  const size_t functions = 20'000;
  const uint32_t steps = 16'000;
  TestGoFunction first{"main.first", 32, {}};
  for (uint32_t i = 0; i < steps; i++) first.stack.emplace_back(1, static_cast<int32_t>(i % 2));
  table.functions.push_back(first);
  for (size_t i = 1; i < functions; i++) table.functions.push_back({"main.f"});
  TestSections file = SectionsOf(table);
  const size_t at = file.sections[1].file_offset;
  uint64_t records = 0;
  std::memcpy(&records, file.bytes.data() + at + 64, sizeof(records));
  for (uint32_t i = 1; i < functions; i++) {
    uint32_t record = 0;
    std::memcpy(&record, file.bytes.data() + at + records + i * 8 + 4, sizeof(record));
    const uint32_t values = 1 + i;
    file.bytes.replace(at + records + record + 16, 4, elf_builder::BytesOf(values));
  }
  const auto read = GoTable::Read(FileOf(file.bytes), file.sections);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, E2BIG);
}

TEST(GoTableDamage, ASequenceWithoutAnEndSaysNothing) {
  TestGoTable table{.functions = {{"main.main", 32, {}}}};
  for (int32_t i = 0; i < 70'000; i++) table.functions[0].stack.emplace_back(1, i % 2);
  const TestSections file = SectionsOf(table);
  const auto read = GoTable::Read(FileOf(file.bytes), file.sections);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->Covers(kText + 1));
  EXPECT_EQ(read->StackBytes(kText + 1), std::nullopt);
  EXPECT_LT(read->bytes(), 1000u);
}

TEST(GoTableDamage, OneNameForAllFunctionsDoesNotMakeMuchOfIt) {
  TestGoTable table;
  for (int i = 0; i < 20'000; i++) table.functions.push_back({"runtime.morestack"});
  const auto read = GoTable::Read(FileOf(SectionsOf(table).bytes), SectionsOf(table).sections);
  ASSERT_TRUE(read);
  EXPECT_LE(read->entries().size(), 64u);
}

TEST(GoTableDamage, ManyHeadsInOtherDataAreGivenUp) {
  TestSections file;
  file.Add(".go.buildinfo", 0x480000, "x");
  std::string heads;
  while (heads.size() < 8 << 20) heads += std::string("\xf1\xff\xff\xff\0\0\1\x8", 8);
  file.Add(".data.rel.ro", 0x500000, heads);
  const auto read = GoTable::Read(FileOf(file.bytes), file.sections);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ENOENT);
}

}  // namespace
}  // namespace sonde::test
