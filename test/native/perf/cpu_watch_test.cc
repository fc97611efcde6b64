// Which CPUs are online, as it changes.
#include "core/perf/cpu_watch.h"

#include <gtest/gtest.h>

#include <string_view>

#include "perf/cpu_list.h"

namespace sonde {
namespace {

using namespace std::literals;

constexpr uint64_t kSecond = 1'000'000'000;

TEST(CpuWatch, OnlyACpuThatComesOrGoesIsAChange) {
  EXPECT_TRUE(IsCpuChange("offline@/devices/system/cpu/cpu1\0ACTION=offline\0"sv));
  EXPECT_TRUE(IsCpuChange("online@/devices/system/cpu/cpu12"));
  EXPECT_FALSE(IsCpuChange("add@/devices/virtual/cpuid/cpu1"));
  EXPECT_FALSE(IsCpuChange("offline@/devices/system/memory/memory32"));
  EXPECT_FALSE(IsCpuChange("change@/x\0PATH=online@/devices/system/cpu/cpu1"sv));
  EXPECT_FALSE(IsCpuChange(""));
}

TEST(CpuWatch, TheListIsReadEverySecond) {
  const test::CpuList list("0-1\n");
  CpuWatch watch(list.path());
  const auto first = watch.LookAt(kSecond);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->online, (std::vector<int>{0, 1}));
  list.Write("0\n");
  EXPECT_FALSE(watch.LookAt(2 * kSecond - 1));
  const auto second = watch.LookAt(2 * kSecond);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->online, std::vector<int>{0});
  watch.LookAgain();
  EXPECT_TRUE(watch.LookAt(2 * kSecond + 1));
}

TEST(CpuWatch, AListThatCannotBeReadSaysNothing) {
  CpuWatch watch("/nowhere/online");
  EXPECT_FALSE(watch.LookAt(kSecond));
}

}  // namespace
}  // namespace sonde
