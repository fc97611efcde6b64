// What one stack teaches about how others begin, and what it does not.
#include "core/perf/stack_roots.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

class StackRootsTest : public testing::Test {
 protected:
  void Learn(std::vector<StackRoots::Place> outermost) { roots_.Learn(outermost); }

  StackRoots roots_;
  const ImagePtr libc_ = std::make_shared<Image>();
  const ImagePtr program_ = std::make_shared<Image>();
};

TEST_F(StackRootsTest, BehindTheCallOfMainComeTheSameFramesInEveryProcess) {
  Learn({{libc_, 100}, {libc_, 200}, {program_, 300}});
  const auto next = roots_.Behind({libc_, 100});
  ASSERT_TRUE(next);
  EXPECT_EQ(next->svma, 200U);
  EXPECT_TRUE(next->has_start);
  EXPECT_EQ(roots_.StartOf(program_), 300U);
  EXPECT_FALSE(roots_.Behind({libc_, 101}));
  EXPECT_FALSE(roots_.Behind({program_, 100}));
  EXPECT_FALSE(roots_.StartOf(libc_));
}

TEST_F(StackRootsTest, BehindTheCallOfAThreadsFunctionComesTheOutermostFrame) {
  Learn({{libc_, 100}, {libc_, 200}});
  const auto next = roots_.Behind({libc_, 100});
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->has_start);
}

TEST_F(StackRootsTest, APlaceWithTwoAnswersHasNone) {
  Learn({{libc_, 100}, {libc_, 200}});
  Learn({{libc_, 100}, {libc_, 210}});
  EXPECT_FALSE(roots_.Behind({libc_, 100}));
}

TEST_F(StackRootsTest, AProgramsOwnFunctionsTeachNothing) {
  Learn({{program_, 100}, {libc_, 200}, {program_, 300}});
  Learn({{program_, 100}, {libc_, 200}});
  Learn({{program_, 100}, {program_, 200}, {program_, 300}});
  EXPECT_FALSE(roots_.Behind({program_, 100}));
  EXPECT_FALSE(roots_.StartOf(program_));
}

}  // namespace
}  // namespace sonde
