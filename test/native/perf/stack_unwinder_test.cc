// Samples of this very process are unwound: what has to be read first makes them wait, and nothing that waits is lost.
#include "core/perf/stack_unwinder.h"

#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/clock.h"
#include "core/perf/event_attr.h"
#include "core/perf/unwound_chain.h"

#if defined(__x86_64__)

namespace sonde {
namespace {

constexpr size_t kStackBytes = 16 << 10;
constexpr uint32_t kMaxStack = 127;

/// A moment of the calling thread, as a sample shows it.
struct Moment {
  std::vector<uint64_t> registers = {};
  std::vector<std::byte> stack = {};
  /// Return addresses of the functions that made it, innermost first.
  std::vector<uint64_t> callers = {};

  SampleRecord Sample() const {
    return {.pid = static_cast<uint32_t>(getpid()),
            .tid = static_cast<uint32_t>(getpid()),
            .time = MonotonicNow(),
            .registers = registers,
            .registers_abi = PERF_SAMPLE_REGS_ABI_64,
            .stack = stack,
            .stack_cut = stack.size() == kStackBytes};
  }
};

/// In the order of kUserRegisters.
constexpr int kOrder[] = {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI,
                          REG_RBP, REG_RSP, REG_RIP, REG_R8,  REG_R9,  REG_R10,
                          REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

__attribute__((noinline)) void Capture(Moment& moment) {
  ucontext_t context;
  getcontext(&context);
  for (const int place : kOrder) {
    moment.registers.push_back(static_cast<uint64_t>(context.uc_mcontext.gregs[place]));
  }
  // As the kernel does: as much as there is.
  moment.stack.resize(kStackBytes);
  iovec into{moment.stack.data(), kStackBytes};
  iovec from{reinterpret_cast<void*>(context.uc_mcontext.gregs[REG_RSP]), kStackBytes};
  const ssize_t copied = process_vm_readv(getpid(), &into, 1, &from, 1, 0);
  moment.stack.resize(static_cast<size_t>(std::max<ssize_t>(copied, 0)));
  moment.callers.push_back(reinterpret_cast<uint64_t>(__builtin_return_address(0)));
}

__attribute__((noinline)) void Descend(Moment& moment, int depth) {
  if (depth == 0) {
    Capture(moment);
  } else {
    Descend(moment, depth - 1);
  }
  moment.callers.push_back(reinterpret_cast<uint64_t>(__builtin_return_address(0)));
}

class StackUnwinderTest : public testing::Test {
 protected:
  StackUnwinderTest() { Descend(moment_, 5); }

  /// What becomes of the sample once everything has been read.
  UnwoundChain Unwind() {
    for (int attempt = 0; attempt < 500; attempt++) {
      const auto words = unwinder_.Unwind(moment_.Sample(), kMaxStack);
      if (words) return *UnwoundChain::From(*words);
      pollfd answered{.fd = wake_.get(), .events = POLLIN, .revents = 0};
      poll(&answered, 1, 1000);
      uint64_t answers = 0;
      (void)!read(wake_.get(), &answers, sizeof(answers));
      unwinder_.TakeAnswers();
    }
    ADD_FAILURE() << "it waits for ever";
    return {};
  }

  Moment moment_;
  UniqueFd wake_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  StackUnwinder unwinder_{UniqueFd(dup(wake_.get()))};
};

TEST_F(StackUnwinderTest, AStackIsFollowedToItsRootThroughTheCallersThatTheProgramKnows) {
  const UnwoundChain chain = Unwind();
  EXPECT_EQ(chain.outcome.end, UnwindEnd::kComplete);
  const auto found = std::ranges::search(chain.user, moment_.callers);
  EXPECT_FALSE(found.empty()) << "the callers are not among " << chain.user.size() << " frames";
}

TEST_F(StackUnwinderTest, WhatHasToBeReadFirstMakesASampleWait) {
  EXPECT_FALSE(unwinder_.Unwind(moment_.Sample(), kMaxStack));
  const auto given_up = UnwoundChain::From(unwinder_.UnwindNow(moment_.Sample(), kMaxStack));
  EXPECT_EQ(given_up->outcome.end, UnwindEnd::kLateRows);
  EXPECT_EQ(given_up->user.size(), 1U) << "where it was, is known all the same";
}

TEST_F(StackUnwinderTest, ASampleThatWaitsIsACopy) {
  const SampleRecord sample = moment_.Sample();
  ASSERT_TRUE(unwinder_.Park(3, 1, sample));
  EXPECT_TRUE(unwinder_.HasParkedBefore(sample.time + 1));
  EXPECT_FALSE(unwinder_.HasParkedBefore(sample.time));
  const Moment before = moment_;
  std::ranges::fill(moment_.stack, std::byte{0});
  std::ranges::fill(moment_.registers, 0);
  int visits = 0;
  unwinder_.VisitParked([&](const StackUnwinder::Parked& parked) {
    visits++;
    EXPECT_EQ(parked.ring, 3U);
    EXPECT_TRUE(std::ranges::equal(parked.sample.stack, before.stack));
    EXPECT_TRUE(std::ranges::equal(parked.sample.registers, before.registers));
    return true;
  });
  EXPECT_EQ(visits, 1);
  EXPECT_FALSE(unwinder_.HasParkedBefore(UINT64_MAX));
}

TEST_F(StackUnwinderTest, OnlySoManySamplesMayWait) {
  size_t parked = 0;
  while (parked < 100'000 && unwinder_.Park(0, 0, moment_.Sample())) parked++;
  EXPECT_GT(parked, 100U);
  EXPECT_LT(parked * moment_.stack.size(), 16U << 20);
  unwinder_.VisitParked([](const StackUnwinder::Parked&) { return true; });
  EXPECT_TRUE(unwinder_.Park(0, 0, moment_.Sample())) << "there is room again";
}

TEST_F(StackUnwinderTest, WithoutRegistersOfA64BitProgramThereIsNothingToUnwind) {
  SampleRecord sample = moment_.Sample();
  EXPECT_TRUE(StackUnwinder::CanUnwind(sample));
  sample.registers_abi = PERF_SAMPLE_REGS_ABI_32;
  EXPECT_FALSE(StackUnwinder::CanUnwind(sample));
  EXPECT_FALSE(StackUnwinder::CanUnwind(SampleRecord{}));
}

}  // namespace
}  // namespace sonde

#endif
