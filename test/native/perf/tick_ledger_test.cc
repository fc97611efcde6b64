// Ticks that were due and did not come are booked once, by reason, and never as a negative number.
#include "core/perf/tick_ledger.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

constexpr uint64_t kMs = 1'000'000;
constexpr uint64_t kSecond = 1000 * kMs;
/// 100 Hz.
constexpr uint64_t kPeriod = 10 * kMs;

/// A busy event that was never stopped.
TickReading Busy(uint64_t running, uint64_t arrived, uint64_t lost = 0) {
  return {.running = running, .counted = running, .arrived = arrived, .lost = lost};
}

TEST(TickLedger, AnEventHasNotRunLongerThanThereWasTime) {
  constexpr uint64_t kUptime = uint64_t{22'000} * 1'000'000'000;
  TickLedger ledger(kPeriod, kUptime);
  const auto first = ledger.Book({.at = kUptime + 10 * kPeriod, .running = kUptime, .arrived = 10});
  EXPECT_EQ(first.missed, 0U);
  const auto second =
      ledger.Book({.at = kUptime + 20 * kPeriod, .running = kUptime + 10 * kPeriod, .arrived = 17});
  EXPECT_EQ(second.missed, 3U);
}

TEST(TickLedger, NothingIsMissedWhereEveryTickCame) {
  TickLedger ledger(kPeriod);
  EXPECT_EQ(ledger.Book(Busy(kSecond, 100)).missed, 0U);
  EXPECT_EQ(ledger.Book(Busy(2 * kSecond, 200)).missed, 0U);
}

TEST(TickLedger, WhatNeitherArrivedNorWasLostIsMissed) {
  TickLedger ledger(kPeriod);
  EXPECT_EQ(ledger.Book(Busy(kSecond, 90, 4)).missed, 6U);
}

TEST(TickLedger, AMissedTickIsBookedInOneWindowOnly) {
  TickLedger ledger(kPeriod);
  EXPECT_EQ(ledger.Book(Busy(kSecond, 90)).missed, 10U);
  EXPECT_EQ(ledger.Book(Busy(2 * kSecond, 190)).missed, 0U);
  EXPECT_EQ(ledger.Book(Busy(3 * kSecond, 287)).missed, 3U);
}

TEST(TickLedger, PartsOfAPeriodAreCarriedFromWindowToWindow) {
  // Every window is one and a half periods long: one tick comes, then two.
  TickLedger sound(kPeriod);
  TickLedger lossy(kPeriod);
  uint64_t missed = 0;
  for (uint64_t window = 1; window <= 100; window++) {
    const uint64_t running = window * kPeriod * 3 / 2;
    EXPECT_EQ(sound.Book(Busy(running, running / kPeriod)).missed, 0U) << window;
    missed += lossy.Book(Busy(running, window)).missed;
  }
  EXPECT_EQ(missed, 50U);
}

TEST(TickLedger, ATickThatCameEarlyCountsForTheWindowInWhichItWasDue) {
  TickLedger ledger(kPeriod);
  EXPECT_EQ(ledger.Book(Busy(kSecond, 101)).missed, 0U);
  EXPECT_EQ(ledger.Book(Busy(2 * kSecond, 200)).missed, 0U);
  EXPECT_EQ(ledger.Book(Busy(3 * kSecond, 299)).missed, 1U);
}

TEST(TickLedger, ATickThatCameLateDoesNotMakeLaterLossesTwice) {
  TickLedger ledger(kPeriod);
  EXPECT_EQ(ledger.Book(Busy(kSecond, 99)).missed, 1U);
  // It came after all; what was booked stands, and pays for the next one.
  EXPECT_EQ(ledger.Book(Busy(2 * kSecond, 200)).missed, 0U);
  EXPECT_EQ(ledger.Book(Busy(3 * kSecond, 299)).missed, 0U);
  EXPECT_EQ(ledger.Book(Busy(4 * kSecond, 398)).missed, 1U);
}

TEST(TickLedger, ACounterThatGoesBackMissesNothing) {
  TickLedger ledger(kPeriod);
  ledger.Book(Busy(kSecond, 100));
  const TickLosses losses = ledger.Book(Busy(0, 100));
  EXPECT_EQ(losses.missed, 0U);
  EXPECT_EQ(losses.throttled, 0U);
}

// --- throttled -----------------------------------------------------------------------------------

TEST(TickLedger, WhileThrottledTheCountStandsStillAndNothingIsMissed) {
  TickLedger ledger(kPeriod);
  const TickReading reading{
      .running = kSecond, .counted = 400 * kMs, .arrived = 39, .was_throttled = true};
  const TickLosses losses = ledger.Book(reading);
  EXPECT_EQ(losses.throttled, 60U);
  EXPECT_EQ(losses.missed, 1U);
}

TEST(TickLedger, ThrottledTicksAreBookedInOneWindowOnly) {
  TickLedger ledger(kPeriod);
  TickReading reading{
      .running = kSecond, .counted = 500 * kMs, .arrived = 50, .was_throttled = true};
  EXPECT_EQ(ledger.Book(reading).throttled, 50U);
  reading.running = 2 * kSecond;
  reading.counted = 1400 * kMs;
  reading.arrived = 140;
  const TickLosses second = ledger.Book(reading);
  EXPECT_EQ(second.throttled, 10U);
  EXPECT_EQ(second.missed, 0U);
}

TEST(TickLedger, ACountAboveTheRunningTimeIsNotBelieved) {
  // A task-clock event after its first UNTHROTTLE.
  TickLedger ledger(kPeriod);
  const TickLosses losses = ledger.Book(
      {.running = 2 * kSecond, .counted = 498 * kSecond, .arrived = 150, .was_throttled = true});
  EXPECT_EQ(losses.throttled, 0U);
  EXPECT_EQ(losses.missed, 50U);
}

TEST(TickLedger, WithoutAThrottleRecordNothingWasThrottled) {
  TickLedger ledger(kPeriod);
  const TickLosses losses = ledger.Book({.running = kSecond, .counted = 900 * kMs, .arrived = 90});
  EXPECT_EQ(losses.throttled, 0U);
  EXPECT_EQ(losses.missed, 10U);
}

// --- idle ----------------------------------------------------------------------------------------

TEST(TickLedger, AnIdleCpuMissesNothing) {
  TickLedger ledger(kPeriod);
  const TickLosses losses = ledger.Book({.running = kSecond, .counted = kSecond, .idle = kSecond});
  EXPECT_EQ(losses.missed, 0U);
}

TEST(TickLedger, IdleTimeIsKnownRoughlySoItsErrorIsNotALoss) {
  TickLedger ledger(kPeriod);
  // By the figures 50 were due; two of them may have been idle.
  EXPECT_EQ(
      ledger.Book({.running = kSecond, .counted = kSecond, .idle = kSecond / 2, .arrived = 48})
          .missed,
      0U);
}

TEST(TickLedger, WhatABusyCpuMissesIsBookedThoughItWasIdleBefore) {
  TickLedger ledger(kPeriod);
  TickReading reading{.running = kSecond, .counted = kSecond, .idle = kSecond / 2, .arrived = 50};
  EXPECT_EQ(ledger.Book(reading).missed, 0U);
  reading.running = reading.counted = 2 * kSecond;
  reading.arrived = 140;
  EXPECT_EQ(ledger.Book(reading).missed, 10U);
}

TEST(TickLedger, AHalfIdleCpuThatMissesManyTicksIsNoticed) {
  TickLedger ledger(kPeriod);
  const TickLosses losses =
      ledger.Book({.running = kSecond, .counted = kSecond, .idle = kSecond / 2, .arrived = 10});
  EXPECT_GT(losses.missed, 30U);
  EXPECT_LE(losses.missed, 40U);
}

}  // namespace
}  // namespace sonde
