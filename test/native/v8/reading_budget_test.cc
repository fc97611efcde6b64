// What reading a process may cost.
#include "core/v8/reading_budget.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

constexpr ReadingBudget::Process kOne{.pid = 1, .began_at = 5};

TEST(ReadingBudget, IsUsedUpAtOnceAndComesBackWithTime) {
  ReadingBudget budget({.at_once = 1000, .share = 20});
  EXPECT_TRUE(budget.Allows(kOne, 50));
  budget.Charge(kOne, 1000, 50);
  EXPECT_TRUE(budget.Allows(kOne, 50));
  budget.Charge(kOne, 100, 50);
  EXPECT_FALSE(budget.Allows(kOne, 50));
  EXPECT_FALSE(budget.Allows(kOne, 50 + 1999));
  EXPECT_TRUE(budget.Allows(kOne, 50 + 2000));
}

TEST(ReadingBudget, TimeInWhichNothingWasReadBuysNoMoreThanIsAllowedAtOnce) {
  ReadingBudget budget({.at_once = 1000, .share = 20});
  budget.Charge(kOne, 1, 50);
  budget.Charge(kOne, 1001, 1'000'000'000);
  EXPECT_FALSE(budget.Allows(kOne, 1'000'000'000));
}

TEST(ReadingBudget, IsThatOfAProcessAndNotOfTheNextOneOfItsNumber) {
  ReadingBudget budget({.at_once = 1000, .share = 20});
  budget.Charge(kOne, 2000, 50);
  EXPECT_FALSE(budget.Allows(kOne, 50));
  EXPECT_TRUE(budget.Allows({.pid = 1, .began_at = 6}, 50));
  EXPECT_TRUE(budget.Allows({.pid = 2, .began_at = 5}, 50));
}

TEST(ReadingBudget, OfManyProcessesThoseThatOweTheLeastAreForgotten) {
  ReadingBudget budget({.at_once = 1000, .share = 20, .processes = 3});
  budget.Charge(kOne, 5000, 50);
  for (uint32_t pid = 2; pid < 100; pid++) {
    budget.Charge({.pid = pid, .began_at = 1}, 1000 + pid, 50);
    EXPECT_LE(budget.size(), 3U);
  }
  EXPECT_FALSE(budget.Allows(kOne, 50));
  EXPECT_TRUE(budget.Allows({.pid = 2, .began_at = 1}, 50));
  // Two of them owe nothing by now.
  budget.Charge({.pid = 200, .began_at = 1}, 1, 50 + 20 * 2000);
  EXPECT_EQ(budget.size(), 2U);
}

}  // namespace
}  // namespace sonde
