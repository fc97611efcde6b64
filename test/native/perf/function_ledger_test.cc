// Frames that must be of one function are asked about once.
#include "core/perf/function_ledger.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace sonde {
namespace {

V8ImagePtr UnknownV8() { return std::make_shared<const V8Image>(V8Image{.version = "1.0"}); }

TEST(FunctionLedger, OneBytecodeOrOneAddressIsOneNumber) {
  FunctionLedger ledger;
  const FunctionLedger::Process process{.pid = 7, .began_at = 1, .image = UnknownV8()};
  const auto interpreted = [&](uint64_t function, uint64_t bytecode) {
    return ledger.NumberOf(process, {.function = function, .bytecode_array = bytecode});
  };
  const uint32_t first = interpreted(100, 11);
  EXPECT_NE(first, 0U);
  EXPECT_EQ(interpreted(200, 11), first);
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
    ASSERT_LT(++address, 20'000U);
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

}  // namespace
}  // namespace sonde
