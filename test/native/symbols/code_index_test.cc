#include "core/symbols/code_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace sonde {
namespace {

/// The place of what covers an address; 0 for nothing.
uint64_t PlaceAt(const CodeIndex& index, uint64_t avma) {
  const auto code = index.Find(avma);
  return code ? code->place : 0;
}

TEST(CodeIndex, AnAddressIsFoundInTheCodeThatCoversIt) {
  CodeIndex index;
  index.Add({{0x2000, 0x10, 1}, {0x1000, 0x20, 2}});
  EXPECT_EQ(PlaceAt(index, 0xfff), 0u);
  EXPECT_EQ(PlaceAt(index, 0x1000), 2u);
  EXPECT_EQ(PlaceAt(index, 0x101f), 2u);
  EXPECT_EQ(PlaceAt(index, 0x1020), 0u);
  EXPECT_EQ(PlaceAt(index, 0x200f), 1u);
  EXPECT_EQ(index.Find(0x2004), (MadeCode{0x2000, 0x10, 1}));
}

TEST(CodeIndex, LargeNumbersAreKeptWhole) {
  const MadeCode far = {(uint64_t{1} << 57) - (uint64_t{1} << 31), (uint64_t{1} << 31) - 1,
                        (uint64_t{1} << 40) - 2};
  ASSERT_TRUE(CodeIndex::Fits(far));
  CodeIndex index;
  index.Add({far});
  EXPECT_EQ(index.Find(far.end() - 1), far);
  EXPECT_FALSE(CodeIndex::Fits({far.start + 2, far.size, 1}));
  EXPECT_FALSE(CodeIndex::Fits({0, uint64_t{1} << 31, 1}));
  EXPECT_FALSE(CodeIndex::Fits({0x1000, 0, 1}));
  EXPECT_FALSE(CodeIndex::Fits({~uint64_t{0}, ~uint64_t{0}, 1}));
}

TEST(CodeIndex, WhatIsSaidLaterCountsAndWhatItOverlapsIsGoneAsAWhole) {
  CodeIndex index;
  index.Add({{0x1000, 0x100, 1}, {0x1080, 0x10, 2}});
  EXPECT_EQ(PlaceAt(index, 0x1000), 0u);
  EXPECT_EQ(PlaceAt(index, 0x1085), 2u);
  index.Add({{0x1070, 0x11, 3}});
  EXPECT_EQ(PlaceAt(index, 0x1085), 0u);
  EXPECT_EQ(PlaceAt(index, 0x1080), 3u);
  EXPECT_EQ(index.size(), 1u);
}

TEST(CodeIndex, CodeThatIsGoneItselfStillEndedWhatItLayOn) {
  CodeIndex index;
  index.Add({{0x1000, 0x20, 1}, {0x1010, 0x20, 2}, {0x1028, 8, 3}});
  EXPECT_EQ(PlaceAt(index, 0x1000), 0u) << "2 lay on it, though 3 lies on 2 now";
  EXPECT_EQ(PlaceAt(index, 0x1028), 3u);
}

TEST(CodeIndex, WhatNamesNothingEndsWhatItLiesOn) {
  CodeIndex index;
  index.Add({{0x1000, 0x20, 1}});
  index.Add({{0x1008, 1, MadeCode::kUnnamed}});
  EXPECT_EQ(index.size(), 0u);
}

TEST(CodeIndex, OfTooManyThoseSaidFirstAreForgotten) {
  CodeIndex index;
  index.Add({{0x3000, 1, 30}, {0x1000, 1, 10}, {0x2000, 1, 20}});
  index.Keep(2);
  EXPECT_EQ(PlaceAt(index, 0x1000), 0u);
  EXPECT_EQ(PlaceAt(index, 0x2000), 20u);
  EXPECT_EQ(PlaceAt(index, 0x3000), 30u);
  index.Keep(0);
  EXPECT_EQ(index.bytes(), 0u);
}

/// The rule itself, slowly: a list in which each new range removes all that it overlaps.
class PlainIndex {
 public:
  void Add(const MadeCode& code) {
    std::erase_if(all_, [&](const MadeCode& old) {
      return old.start < code.end() && code.start < old.end();
    });
    all_.push_back(code);
    // What was there and is gone still ends what lay below: it has done so when it came.
  }
  uint64_t At(uint64_t avma) const {
    for (const MadeCode& code : all_) {
      if (code.start <= avma && avma < code.end()) return code.place;
    }
    return 0;
  }

 private:
  std::vector<MadeCode> all_;
};

TEST(CodeIndex, RangesInAnyOrderAndAnyPortionsGiveWhatTheRuleSays) {
  std::mt19937 random(5);
  const auto below = [&](uint64_t end) { return random() % end; };
  for (int round = 0; round < 300; round++) {
    CodeIndex index;
    PlainIndex plain;
    uint64_t place = 1;
    for (uint64_t portion = 1 + below(5); portion > 0; portion--) {
      std::vector<MadeCode> newer;
      for (uint64_t count = below(30); count > 0; count--) {
        newer.push_back({below(300), 1 + below(round % 2 == 0 ? 8 : 60), place++});
        plain.Add(newer.back());
      }
      index.Add(newer);
    }
    for (uint64_t avma = 0; avma < 400; avma++) {
      ASSERT_EQ(PlaceAt(index, avma), plain.At(avma)) << "round " << round << ", " << avma;
    }
  }
}

}  // namespace
}  // namespace sonde
