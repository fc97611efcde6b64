// Frames that must be of one function are asked about once.
#include "core/perf/function_ledger.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "v8/live_heap.h"

namespace sonde {
namespace {

using State = V8Answer::State;

constexpr uint64_t kSecond = 1'000'000'000;

V8ImagePtr UnknownV8() { return std::make_shared<const V8Image>(V8Image{.version = "1.0"}); }

TEST(FunctionLedger, OneBytecodeOrOneAddressIsOneNumber) {
  FunctionLedger ledger;
  const FunctionLedger::Process process{.pid = 7, .began_at = 1, .image = UnknownV8()};
  const auto interpreted = [&](uint64_t function, uint64_t bytecode) {
    return ledger.NumberOf(process, {.function = function, .bytecode_array = bytecode});
  };
  const uint32_t first = interpreted(100, 11);
  EXPECT_NE(first, 0U);
  EXPECT_EQ(interpreted(100, 11), first);
  EXPECT_NE(interpreted(200, 11), first) << "the bytecode may be a leftover in it";
  EXPECT_NE(interpreted(100, 22), first);
  const uint32_t generated = ledger.NumberOf(process, {.generated = true, .address = 11});
  EXPECT_NE(generated, first);
  EXPECT_NE(ledger.NumberOf({.pid = 7, .began_at = 2, .image = process.image},
                            {.generated = true, .address = 11}),
            generated);
}

TEST(FunctionLedger, AnUnknownVersionIsAnAnswerAtOnce) {
  FunctionLedger ledger;
  const uint32_t number = ledger.NumberOf({.pid = 7, .image = UnknownV8()}, {.bytecode_array = 1});
  EXPECT_FALSE(ledger.Waits());
  EXPECT_EQ(ledger.functions().at(number).state, V8Answer::State::kUnknownVersion);
}

TEST(FunctionLedger, AProcessThatIsGoneIsUnreadableAndNobodyWaitsForLong) {
  FunctionLedger ledger;
  const auto image =
      std::make_shared<const V8Image>(V8Image{.version = "12.4", .layout = V8Layout{}});
  // No process has it: pids end at 4,194,304.
  const uint32_t number =
      ledger.NumberOf({.pid = 5'000'000, .image = image}, {.bytecode_array = 1});
  EXPECT_TRUE(ledger.Waits());
  for (int tries = 0; ledger.Waits() && tries < 1000; tries++) {
    usleep(5000);
    ledger.TakeReplies();
  }
  EXPECT_EQ(ledger.functions().at(number).state, V8Answer::State::kUnreadable);
}

TEST(FunctionLedger, OneProcessDoesNotTakeTheNumbersOfAll) {
  FunctionLedger ledger;
  const V8ImagePtr image = UnknownV8();
  uint64_t address = 1;
  while (ledger.NumberOf({.pid = 7, .image = image}, {.generated = true, .address = address}) !=
         0) {
    ASSERT_LT(++address, 30'000U);
  }
  EXPECT_NE(ledger.NumberOf({.pid = 8, .image = image}, {.generated = true, .address = 1}), 0U);
  EXPECT_NE(ledger.NumberOf({.pid = 7, .image = image}, {.generated = true, .address = 1}), 0U);
}

TEST(FunctionLedger, AWindowKeepsWhatTheNextOneMaySpeakOfAndNoMore) {
  FunctionLedger ledger;
  const FunctionLedger::Process process{.pid = 7, .image = UnknownV8()};
  const uint32_t number = ledger.NumberOf(process, {.bytecode_array = 1});
  ledger.EndWindow();
  EXPECT_TRUE(ledger.functions().contains(number));
  EXPECT_NE(ledger.NumberOf(process, {.bytecode_array = 1}), number);
  ledger.EndWindow();
  EXPECT_FALSE(ledger.functions().contains(number));
}

/// Two functions in memory that can be read, of which the first has the bytecode that stands in all frames.
class FunctionLedgerOfHeap : public testing::Test {
 protected:
  FunctionLedgerOfHeap() { heap_.Publish(); }

  /// Of a frame so many seconds from now, which has this closure.
  uint32_t NumberAt(double seconds, V8Object closure) {
    const auto ahead = static_cast<int64_t>(seconds * static_cast<double>(kSecond));
    return ledger_.NumberOf({.pid = heap_.pid(), .began_at = 1, .image = heap_.image},
                            {.time = MonotonicNow() + static_cast<uint64_t>(ahead),
                             .function = closure,
                             .bytecode_array = first_.bytecode});
  }
  bool Settles() {
    for (int tries = 0; ledger_.Waits() && tries < 2000; tries++) {
      usleep(1000);
      ledger_.TakeReplies();
    }
    return !ledger_.Waits();
  }
  std::string NameOf(uint32_t number) const {
    const V8Answer& answer = ledger_.functions().at(number);
    return answer.state == State::kNamed ? answer.functions.at(0)->name : "";
  }
  /// The bytecode is thrown away, and the other function's comes to its place.
  void Replace() {
    heap_.forged.PutField(first_.shared, 8, second_.bytecode);
    heap_.forged.PutField(second_.shared, 8, first_.bytecode);
    heap_.Publish();
  }
  void PutBack() {
    heap_.forged.PutField(first_.shared, 8, first_.bytecode);
    heap_.forged.PutField(second_.shared, 8, second_.bytecode);
    heap_.Publish();
  }

  test::LiveHeap heap_;
  test::LiveFunction first_ = test::LiveFunction::Make(heap_.forged, "first");
  test::LiveFunction second_ = test::LiveFunction::Make(heap_.forged, "second");
  FunctionLedger ledger_;
};

TEST_F(FunctionLedgerOfHeap, FramesWithinASecondOfWhatWasSeenAreNotAskedAbout) {
  const uint32_t number = NumberAt(0, first_.closure);
  ASSERT_TRUE(Settles());
  EXPECT_EQ(NameOf(number), "first");
  EXPECT_EQ(NumberAt(0.5, first_.closure), number);
  EXPECT_FALSE(ledger_.Waits());
}

TEST_F(FunctionLedgerOfHeap,
       ANewerFrameIsAskedAboutAndWhereTheFunctionIsTheSameSoIsTheNumberAgain) {
  const uint32_t number = NumberAt(0, first_.closure);
  ASSERT_TRUE(Settles());
  const uint32_t meanwhile = NumberAt(2, first_.closure);
  EXPECT_NE(meanwhile, number);
  EXPECT_EQ(NumberAt(2.5, first_.closure), meanwhile);
  EXPECT_EQ(NameOf(meanwhile), "") << "not before it is known";
  ASSERT_TRUE(Settles());
  EXPECT_EQ(NameOf(meanwhile), "first");
  EXPECT_EQ(NumberAt(0.5, first_.closure), number);
  const uint32_t later = NumberAt(4, first_.closure);
  EXPECT_NE(later, meanwhile) << "nobody knows yet";
  ASSERT_TRUE(Settles());
  EXPECT_EQ(NameOf(later), "first");
}

TEST_F(FunctionLedgerOfHeap, WhatComesToThePlaceOfAnotherFunctionHasANameOfItsOwn) {
  const uint32_t number = NumberAt(0, first_.closure);
  ASSERT_TRUE(Settles());
  Replace();
  const uint32_t newer = NumberAt(0.5, second_.closure);
  EXPECT_NE(newer, number) << "within the second that an answer holds, too";
  ASSERT_TRUE(Settles());
  EXPECT_EQ(NameOf(number), "first");
  EXPECT_EQ(NameOf(newer), "second");
  EXPECT_EQ(NumberAt(0.7, second_.closure), newer);
}

TEST_F(FunctionLedgerOfHeap, WhatWasConfirmedStaysSoWhenAnotherFunctionComes) {
  const uint32_t number = NumberAt(0, first_.closure);
  ASSERT_TRUE(Settles());
  const uint32_t confirmed = NumberAt(2, first_.closure);
  ASSERT_TRUE(Settles());
  Replace();
  const uint32_t newer = NumberAt(4, first_.closure);
  ASSERT_TRUE(Settles());
  EXPECT_EQ(NameOf(number), "first");
  EXPECT_EQ(NameOf(confirmed), "first");
  EXPECT_NE(newer, confirmed);
  EXPECT_NE(NameOf(newer), "first") << "the closure is not of the bytecode any more";
}

TEST_F(FunctionLedgerOfHeap, AFunctionThatHadMovedIsAskedForAgainAndLaterFramesSpeakForThemselves) {
  Replace();
  const uint32_t number = NumberAt(0, first_.closure);
  ASSERT_TRUE(Settles());
  EXPECT_EQ(ledger_.functions().at(number).state, State::kMoved);
  PutBack();
  const uint32_t later = NumberAt(3, first_.closure);
  EXPECT_NE(later, number);
  ASSERT_TRUE(Settles());
  EXPECT_EQ(NameOf(later), "first");
  EXPECT_EQ(ledger_.functions().at(number).state, State::kMoved);
  EXPECT_EQ(NumberAt(0, first_.closure), 0U) << "it is older than what is known";
}

TEST_F(FunctionLedgerOfHeap, AFunctionThatHadMovedIsNamedByAFrameSoonAfter) {
  Replace();
  const uint32_t number = NumberAt(0, first_.closure);
  ASSERT_TRUE(Settles());
  PutBack();
  EXPECT_EQ(NumberAt(0.2, first_.closure), number);
  ASSERT_TRUE(Settles());
  EXPECT_EQ(NameOf(number), "first");
}

}  // namespace
}  // namespace sonde
