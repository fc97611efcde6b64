// An address means what was mapped there at its time.
#include "core/perf/address_space.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

class AddressSpaceTest : public testing::Test {
 protected:
  MappedRange File(uint64_t start, uint64_t end, const std::string& path, uint64_t offset = 0) {
    return {.start = start,
            .end = end,
            .file_offset = offset,
            .image = images_.Intern(path, {.device = 1, .inode = 1, .build_id = {}})};
  }
  /// What lies at `address` at `time`.
  std::string At(AddressSpace& space, uint64_t address, uint64_t time) {
    const auto* mapped = space.Find(address, space.EpochAt(time));
    return mapped == nullptr ? "" : mapped->range.image->path;
  }

  ImageRegistry images_;
  AddressSpace space_;
};

TEST_F(AddressSpaceTest, AMappingReachesFromItsStartToBeforeItsEnd) {
  space_.Map(File(0x1000, 0x3000, "/a"), 10);
  EXPECT_EQ(At(space_, 0xfff, 20), "");
  EXPECT_EQ(At(space_, 0x1000, 20), "/a");
  EXPECT_EQ(At(space_, 0x2fff, 20), "/a");
  EXPECT_EQ(At(space_, 0x3000, 20), "");
}

TEST_F(AddressSpaceTest, WhatIsMappedOverAnotherEndsItThere) {
  space_.Map(File(0x1000, 0x3000, "/old"), 10);
  space_.Map(File(0x1000, 0x3000, "/new"), 20);
  EXPECT_EQ(At(space_, 0x2000, 19), "/old");
  EXPECT_EQ(At(space_, 0x2000, 20), "/new");
  EXPECT_EQ(space_.epochs(), 2U);
}

TEST_F(AddressSpaceTest, WhatSticksOutOfTheNewMappingStays) {
  space_.Map(File(0x1000, 0x9000, "/old", 0x4000), 10);
  space_.Map(File(0x3000, 0x5000, "/new"), 20);
  EXPECT_EQ(At(space_, 0x2000, 30), "/old");
  EXPECT_EQ(At(space_, 0x4000, 30), "/new");
  EXPECT_EQ(At(space_, 0x6000, 30), "/old");
  EXPECT_EQ(At(space_, 0x4000, 15), "/old");
  // The part behind begins as much further into the file.
  EXPECT_EQ(space_.Find(0x6000, 1)->range.file_offset, 0x8000U);
}

TEST_F(AddressSpaceTest, OneMappingOverSeveralEndsThemAll) {
  space_.Map(File(0x1000, 0x2000, "/a"), 10);
  space_.Map(File(0x2000, 0x3000, "/b"), 11);
  space_.Map(File(0x5000, 0x7000, "/c"), 12);
  space_.Map(File(0x1800, 0x6000, "/over"), 20);
  EXPECT_EQ(At(space_, 0x1000, 30), "/a");
  EXPECT_EQ(At(space_, 0x1900, 30), "/over");
  EXPECT_EQ(At(space_, 0x2800, 30), "/over");
  EXPECT_EQ(At(space_, 0x5fff, 30), "/over");
  EXPECT_EQ(At(space_, 0x6000, 30), "/c");
  EXPECT_EQ(At(space_, 0x2800, 15), "/b");
}

TEST_F(AddressSpaceTest, TheSameFileReportedAnewChangesNothing) {
  space_.Map(File(0x1000, 0x3000, "/a", 0x1000), 10);
  // It has grown; an address of both means the same in both.
  space_.Map(File(0x2000, 0x5000, "/a", 0x2000), 20);
  EXPECT_EQ(space_.epochs(), 1U);
  EXPECT_EQ(At(space_, 0x1000, 30), "/a");
  EXPECT_EQ(At(space_, 0x4000, 30), "/a");
}

TEST_F(AddressSpaceTest, TheSameFileElsewhereInItIsAnotherMeaning) {
  space_.Map(File(0x1000, 0x3000, "/a", 0), 10);
  space_.Map(File(0x1000, 0x3000, "/a", 0x7000), 20);
  EXPECT_EQ(space_.Find(0x1000, space_.EpochAt(15))->range.file_offset, 0U);
  EXPECT_EQ(space_.Find(0x1000, space_.EpochAt(25))->range.file_offset, 0x7000U);
}

TEST_F(AddressSpaceTest, AfterEverythingEndedTheEarlierTimeIsStillKnown) {
  space_.Map(File(0x1000, 0x3000, "/before"), 10);
  space_.Clear(20);
  space_.Map(File(0x5000, 0x6000, "/after"), 21);
  EXPECT_EQ(At(space_, 0x2000, 19), "/before");
  EXPECT_EQ(At(space_, 0x2000, 25), "");
  EXPECT_EQ(At(space_, 0x5000, 25), "/after");
}

TEST_F(AddressSpaceTest, AWindowsEndForgetsWhatHasEnded) {
  space_.Map(File(0x1000, 0x3000, "/old"), 10);
  space_.Map(File(0x1000, 0x3000, "/new"), 20);
  space_.EndWindow();
  EXPECT_EQ(space_.epochs(), 1U);
  EXPECT_EQ(At(space_, 0x2000, 15), "/new");
}

TEST_F(AddressSpaceTest, ManyChangesOfOneAddressAreToldApart) {
  // A just-in-time loader that maps one library after another at one place.
  for (uint64_t time = 1; time <= 1000; time++) {
    space_.Map(File(0x1000, 0x3000, "/lib" + std::to_string(time)), time);
  }
  for (uint64_t time = 1; time <= 1000; time++) {
    ASSERT_EQ(At(space_, 0x2000, time), "/lib" + std::to_string(time));
  }
}

TEST_F(AddressSpaceTest, WhatProcSaysDoesNotChangeWhatIsKnown) {
  space_.Map(File(0x1000, 0x3000, "/known"), 10);
  EXPECT_FALSE(space_.Supplement(File(0x2000, 0x4000, "/proc")));
  EXPECT_FALSE(space_.Supplement(File(0x0, 0x1001, "/proc")));
  EXPECT_FALSE(space_.Supplement(File(0x1000, 0x3000, "/proc")));
  EXPECT_TRUE(space_.Supplement(File(0x3000, 0x4000, "/proc")));
  EXPECT_EQ(At(space_, 0x2000, 20), "/known");
  EXPECT_EQ(At(space_, 0x3000, 20), "/proc");
}

TEST_F(AddressSpaceTest, AChildHasItsParentsMappings) {
  space_.Map(File(0x1000, 0x3000, "/a"), 10);
  AddressSpace child;
  child.CopyFrom(space_);
  child.Map(File(0x1000, 0x3000, "/own"), 20);
  EXPECT_EQ(At(child, 0x2000, 15), "/a");
  EXPECT_EQ(At(child, 0x2000, 25), "/own");
  EXPECT_EQ(At(space_, 0x2000, 25), "/a");
}

}  // namespace
}  // namespace sonde
