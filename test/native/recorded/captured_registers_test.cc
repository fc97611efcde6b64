#include "core/recorded/captured_registers.h"

#include <gtest/gtest.h>

#include <vector>

namespace sonde {
namespace {

/// What perf asks for on x86-64: all but the segments of data and of threads.
constexpr uint64_t kMaskOfPerf = 0xff0fff;

TEST(CapturedRegisters, OfX86AreFoundByPerfsNumbers) {
  std::vector<uint64_t> values;
  for (uint64_t value = 100; value < 120; value++) values.push_back(value);
  const auto captured = ReadCapturedRegisters(kX86_64, kMaskOfPerf, values);
  ASSERT_TRUE(captured);
  const RegisterSet& registers = captured->registers;
  EXPECT_EQ(captured->instruction, 108U);
  EXPECT_EQ(registers.value[7], 107U) << "rsp";
  EXPECT_EQ(registers.value[6], 106U) << "rbp";
  EXPECT_EQ(registers.value[3], 101U) << "rbx";
  EXPECT_EQ(registers.value[8], 112U) << "r8 stands behind flags, cs and ss";
  EXPECT_EQ(registers.value[15], 119U) << "r15";
}

TEST(CapturedRegisters, OfAarch64AreNumberedAsDwarfHasThem) {
  std::vector<uint64_t> values;
  for (uint64_t value = 0; value < 33; value++) values.push_back(1000 + value);
  const auto captured = ReadCapturedRegisters(kAarch64, (uint64_t{1} << 33) - 1, values);
  ASSERT_TRUE(captured);
  EXPECT_EQ(captured->instruction, 1032U);
  EXPECT_EQ(captured->registers.value[31], 1031U) << "sp";
  EXPECT_EQ(captured->registers.value[30], 1030U) << "the link register";
}

TEST(CapturedRegisters, ThatTheSampleDoesNotBringAreNotKnown) {
  const std::vector<uint64_t> values = {6, 7, 8};
  const auto captured = ReadCapturedRegisters(kX86_64, 0b1'1100'0000, values);
  ASSERT_TRUE(captured);
  EXPECT_FALSE(captured->registers.Knows(0));
  EXPECT_FALSE(ReadCapturedRegisters(kX86_64, 0b1'0100'0000, values)) << "no stack pointer";
  EXPECT_FALSE(ReadCapturedRegisters(kX86_64, 0b1100'0000, values)) << "no instruction";
  EXPECT_FALSE(ReadCapturedRegisters(kX86_64, kMaskOfPerf, values)) << "fewer than it says";
  EXPECT_FALSE(ReadCapturedRegisters(kX86_64, uint64_t{1} << 63, values));
}

}  // namespace
}  // namespace sonde
