#include "core/recorded/recorded_spaces.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

RecordedSpaces::Mapping At(uint64_t start, const std::string& path, uint64_t size = 0x1000) {
  return {.start = start, .end = start + size, .path = path};
}

std::string PathAt(const RecordedSpaces& spaces, uint32_t pid, uint64_t address) {
  const MappedRange* const range = spaces.Find(pid, address);
  return range == nullptr ? "" : range->image->path;
}

TEST(RecordedSpaces, WhatIsMappedLastCounts) {
  RecordedSpaces spaces;
  spaces.Map(1, At(0x1000, "/old", 0x3000));
  spaces.Map(1, At(0x2000, "/new"));
  EXPECT_EQ(PathAt(spaces, 1, 0x1fff), "/old");
  EXPECT_EQ(PathAt(spaces, 1, 0x2000), "/new");
  EXPECT_EQ(PathAt(spaces, 1, 0x3000), "/old");
  EXPECT_EQ(spaces.Find(1, 0x3000)->file_offset, 0x2000U);
  EXPECT_EQ(PathAt(spaces, 1, 0x4000), "");
  EXPECT_EQ(PathAt(spaces, 2, 0x2000), "");
  spaces.Clear(1);
  EXPECT_EQ(PathAt(spaces, 1, 0x2000), "");
  EXPECT_EQ(spaces.mappings(), 0U);
}

TEST(RecordedSpaces, AChildBeginsWithWhatItsParentHas) {
  RecordedSpaces spaces;
  spaces.Map(1, At(0x1000, "/program"));
  spaces.Inherit(2, 1);
  spaces.Map(2, At(0x1000, "/other"));
  spaces.Map(1, At(0x5000, "/plugin"));
  EXPECT_EQ(PathAt(spaces, 1, 0x1000), "/program");
  EXPECT_EQ(PathAt(spaces, 2, 0x1000), "/other");
  EXPECT_EQ(PathAt(spaces, 2, 0x5000), "");
  spaces.Clear(1);
  EXPECT_EQ(PathAt(spaces, 2, 0x1000), "/other");
}

TEST(RecordedSpaces, VdsosOfDifferentKernelsAreDifferent) {
  RecordedSpaces spaces;
  RecordedSpaces::Mapping vdso = At(0x1000, "[vdso]");
  vdso.file.build_id = {1, 2, 3};
  spaces.Map(1, vdso);
  vdso.file.build_id = {4, 5, 6};
  spaces.Map(2, vdso);
  EXPECT_EQ(spaces.Find(1, 0x1000)->image->kind, ImageKind::kVdso);
  EXPECT_NE(spaces.Find(1, 0x1000)->image, spaces.Find(2, 0x1000)->image);
}

TEST(RecordedSpaces, MoreMappingsThanAProcessMayHaveAreNotKnown) {
  RecordedSpaces spaces;
  const uint64_t many = RecordedSpaces::kMaxOfProcess + 1000;
  for (uint64_t number = 0; number < many; number++) {
    spaces.Map(1, At(number * 0x2000, "//anon"));
  }
  EXPECT_EQ(spaces.mappings(), RecordedSpaces::kMaxOfProcess);
  EXPECT_NE(PathAt(spaces, 1, 0), "");
  EXPECT_EQ(PathAt(spaces, 1, (many - 1) * 0x2000), "");
}

TEST(RecordedSpaces, ForksOfALargeProcessAreBoundedToo) {
  RecordedSpaces spaces;
  for (uint64_t number = 0; number < RecordedSpaces::kMaxOfProcess / 2; number++) {
    spaces.Map(1, At(number * 0x2000, "//anon"));
  }
  for (uint32_t child = 2; child < 200; child++) {
    spaces.Inherit(child, 1);
    spaces.Map(child, At(0x1000, "/own"));
  }
  EXPECT_LE(spaces.mappings(), RecordedSpaces::kMaxOfAll + 200);
  for (uint32_t pid = 1; pid < 200; pid++) spaces.Clear(pid);
  EXPECT_EQ(spaces.mappings(), 0U);
}

TEST(RecordedSpaces, AProcessThatMapsOverItselfForEverTakesNoMoreMemory) {
  RecordedSpaces spaces;
  for (int round = 0; round < 100'000; round++) {
    spaces.Map(1, At(0x1000, round % 2 == 0 ? "/one" : "/other"));
  }
  EXPECT_EQ(spaces.mappings(), 1U);
  EXPECT_EQ(PathAt(spaces, 1, 0x1000), "/other");
}

}  // namespace
}  // namespace sonde
