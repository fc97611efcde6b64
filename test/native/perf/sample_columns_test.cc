// Samples of all CPUs come in order of time, each with its session.
#include "core/perf/sample_columns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace sonde {
namespace {

using Times = std::vector<uint64_t>;

std::vector<SampleRow> Ring(uint32_t cpu, const Times& times, uint32_t session = 0) {
  std::vector<SampleRow> rows;
  for (const uint64_t time : times) rows.push_back({.time = time, .cpu = cpu, .session = session});
  return rows;
}

Times TimesOf(const OrderedSamples& samples) {
  Times times;
  for (const SampleRow& row : samples.rows) times.push_back(row.time);
  return times;
}

TEST(OrderSamples, TwoCpusAreMergedByTime) {
  std::vector<std::vector<SampleRow>> rings = {Ring(0, {10, 20, 30, 90}), Ring(1, {5, 25, 26, 40})};
  const auto ordered = OrderSamples(rings, 1);
  EXPECT_EQ(TimesOf(ordered[0]), (Times{5, 10, 20, 25, 26, 30, 40, 90}));
  EXPECT_EQ(ordered[0].rows[0].cpu, 1U);
  EXPECT_EQ(ordered[0].rows[1].cpu, 0U);
}

TEST(OrderSamples, ACpuThatWroteOutOfOrderIsPutInOrder) {
  std::vector<std::vector<SampleRow>> rings = {Ring(0, {10, 30, 20}), Ring(1, {}), Ring(2, {15})};
  EXPECT_EQ(TimesOf(OrderSamples(rings, 1)[0]), (Times{10, 15, 20, 30}));
}

TEST(OrderSamples, EachSessionGetsItsOwn) {
  std::vector<std::vector<SampleRow>> rings = {Ring(0, {10, 30}, 1), Ring(1, {20, 40}, 0)};
  const auto ordered = OrderSamples(rings, 3);
  EXPECT_EQ(TimesOf(ordered[0]), (Times{20, 40}));
  EXPECT_EQ(TimesOf(ordered[1]), (Times{10, 30}));
  EXPECT_TRUE(ordered[2].rows.empty());
}

TEST(OrderSamples, NothingIsLostOrMadeUp) {
  std::mt19937 random(3);
  std::vector<std::vector<SampleRow>> rings;
  Times all;
  for (uint32_t cpu = 0; cpu < 16; cpu++) {
    Times times(random() % 500);
    for (uint64_t& time : times) time = random() % 1000;
    all.insert(all.end(), times.begin(), times.end());
    rings.push_back(Ring(cpu, times));
  }
  std::ranges::sort(all);
  EXPECT_EQ(TimesOf(OrderSamples(rings, 1)[0]), all);
}

}  // namespace
}  // namespace sonde
