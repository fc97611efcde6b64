// The running kernel gives samples of this process, and nothing is left open after it.
#include "core/perf/sampler.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <future>
#include <numeric>
#include <thread>

#include "core/base/clock.h"
#include "core/perf/cpus.h"
#include "perf/cpu_list.h"
#include "perf/window_view.h"

namespace sonde {
namespace {

/// As far along as an agent that has changed its configuration four billion times.
constexpr uint32_t kSession = 4'000'000'000;

SamplerOptions CpuClockOfThisProcess() {
  SamplerOptions options;
  options.sessions.push_back({.id = kSession,
                              .name = "cpu-clock:u",
                              .type = PERF_TYPE_SOFTWARE,
                              .config = PERF_COUNT_SW_CPU_CLOCK,
                              .frequency = 999,
                              .exclude_kernel = true,
                              .clock = true,
                              .max_stack = 64});
  options.target = {.kind = TargetOptions::Kind::kProcesses, .ids = {getpid()}};
  options.ring_bytes = 64 * 1024;
  options.max_samples_per_window = 100'000;
  options.max_stack_bytes_per_window = 16 << 20;
  return options;
}

/// Uses so much CPU time, nearly all of it in user mode.
void Spin(uint64_t nanoseconds) {
  const uint64_t end = ClockNow(CLOCK_PROCESS_CPUTIME_ID) + nanoseconds;
  volatile uint64_t steps = 0;
  do {
    for (int step = 0; step < 100'000; step++) steps = steps + 1;
  } while (ClockNow(CLOCK_PROCESS_CPUTIME_ID) < end);
}

size_t OpenDescriptors() {
  const std::filesystem::directory_iterator entries("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(entries), end(entries)));
}

std::vector<std::byte> CloseWindow(Sampler& sampler) {
  std::promise<size_t> closed;
  const Status asked =
      sampler.CloseWindow([&](Result<size_t> size) { closed.set_value(size ? *size : size_t{0}); });
  EXPECT_TRUE(asked);
  std::vector<std::byte> window(closed.get_future().get());
  EXPECT_TRUE(sampler.Take(window));
  return window;
}

#define OPEN_OR_SKIP()                                                                     \
  auto opened = Sampler::Open(CpuClockOfThisProcess());                                    \
  if (!opened) {                                                                           \
    const int code = opened.error().code;                                                  \
    ASSERT_TRUE(code == EACCES || code == EPERM || code == ENOSYS) << opened.error().what; \
    GTEST_SKIP() << "perf events are not permitted here: " << opened.error().what;         \
  }                                                                                        \
  Sampler& sampler = **opened

TEST(Sampler, SamplesThisProcessWithItsNameAndProgram) {
  OPEN_OR_SKIP();
  ASSERT_TRUE(sampler.Start());
  const uint64_t before = MonotonicNow();
  Spin(200'000'000);
  const auto bytes = CloseWindow(sampler);
  const test::WindowView window(bytes);
  const auto times = window.Column<uint64_t>(layout::kSampleTime, kSession);
  ASSERT_GT(times.size(), 20U);
  EXPECT_TRUE(std::ranges::is_sorted(times));
  EXPECT_GE(times.front(), before);
  EXPECT_EQ(sampler.Totals()[0].taken, times.size());
  for (const auto pid : window.Column<uint32_t>(layout::kSamplePid, kSession)) {
    ASSERT_EQ(pid, static_cast<uint32_t>(getpid()));
  }
  const auto comms = window.Column<uint32_t>(layout::kSampleComm, kSession);
  EXPECT_EQ(window.Text(comms[0]), "sonde_core_test");
  const std::string own = std::filesystem::read_symlink("/proc/self/exe");
  const auto stacks = window.Column<uint32_t>(layout::kSampleStack, kSession);
  EXPECT_TRUE(
      std::ranges::any_of(stacks, [&](uint32_t stack) { return window.LeafImage(stack) == own; }));
}

TEST(Sampler, WhatDoesNotComeWhileItIsPausedIsNoLoss) {
  OPEN_OR_SKIP();
  ASSERT_TRUE(sampler.Start(StartState::kPaused));
  Spin(200'000'000);
  const uint64_t from = MonotonicNow();
  ASSERT_TRUE(sampler.Resume());
  Spin(200'000'000);
  sampler.Pause();
  const uint64_t until = MonotonicNow();
  Spin(200'000'000);
  const auto bytes = CloseWindow(sampler);
  const test::WindowView window(bytes);
  const auto times = window.Column<uint64_t>(layout::kSampleTime, kSession);
  ASSERT_GT(times.size(), 20U);
  EXPECT_GE(times.front(), from);
  EXPECT_LE(times.back(), until);
  const SessionTotals totals = sampler.Totals()[0];
  EXPECT_EQ(totals.taken, times.size());
  // 400 ticks would have been due in the pauses. What a busy machine takes away of the rest is missed as ever.
  const auto lost = std::accumulate(totals.losses.begin(), totals.losses.end(), uint64_t{0});
  EXPECT_LE(totals.taken + lost, 210U);
  sampler.Disable();
  ASSERT_TRUE(sampler.Resume());
  Spin(50'000'000);
  const auto last = CloseWindow(sampler);
  const test::WindowView after(last);
  EXPECT_EQ(after.Column<uint64_t>(layout::kSampleTime, kSession).size(), 0U);
}

TEST(Sampler, WhatIsOutsideItsTimeIsOverlap) {
  OPEN_OR_SKIP();
  ASSERT_TRUE(sampler.Start());
  Spin(100'000'000);
  const uint64_t from = MonotonicNow();
  Spin(50'000'000);
  ASSERT_TRUE(sampler.KeepFrom(from));
  Spin(50'000'000);
  const uint64_t asked = MonotonicNow();
  Spin(50'000'000);
  const auto until = sampler.KeepUntil(asked);
  ASSERT_TRUE(until);
  EXPECT_EQ(*until, asked);
  Spin(50'000'000);
  const auto bytes = CloseWindow(sampler);
  const test::WindowView window(bytes);
  const auto times = window.Column<uint64_t>(layout::kSampleTime, kSession);
  ASSERT_GT(times.size(), 20U);
  EXPECT_GE(times.front(), from);
  EXPECT_LT(times.back(), asked);
  const auto range = window.Column<uint64_t>(layout::kWindow, layout::kShared);
  EXPECT_EQ(range[0], from);
  EXPECT_EQ(range[1], asked);
  const auto overlap = static_cast<size_t>(LeftOutReason::kOverlap);
  EXPECT_GT(window.Column<uint64_t>(layout::kLeftOut, kSession)[overlap], 50U);
  const SessionTotals totals = sampler.Totals()[0];
  EXPECT_EQ(totals.taken, times.size());
  EXPECT_EQ(totals.first_sample_time, times.front());
  EXPECT_EQ(sampler.KeepFrom(asked).error().code, EBUSY);
}

TEST(Sampler, ItsEndIsNotBeforeThatOfAWindowThatHasBeenClosed) {
  OPEN_OR_SKIP();
  ASSERT_TRUE(sampler.Start());
  const uint64_t before = MonotonicNow();
  const auto bytes = CloseWindow(sampler);
  const uint64_t end =
      test::WindowView(bytes).Column<uint64_t>(layout::kWindow, layout::kShared)[1];
  ASSERT_GT(end, before);
  EXPECT_EQ(*sampler.KeepUntil(before), end);
  const auto last = CloseWindow(sampler);
  const auto range = test::WindowView(last).Column<uint64_t>(layout::kWindow, layout::kShared);
  EXPECT_EQ(range[0], end);
  EXPECT_EQ(range[1], end);
}

TEST(Sampler, OneWindowIsClosedAtATime) {
  OPEN_OR_SKIP();
  ASSERT_TRUE(sampler.Start());
  CloseWindow(sampler);
  std::promise<void> closed;
  ASSERT_TRUE(sampler.CloseWindow([&](Result<size_t>) { closed.set_value(); }));
  EXPECT_EQ(sampler.CloseWindow([](Result<size_t>) {}).error().code, EBUSY);
  closed.get_future().wait();
  std::byte too_small[1];
  EXPECT_EQ(sampler.Take(too_small).error().code, EINVAL);
}

TEST(Sampler, AClosedOneRefuses) {
  OPEN_OR_SKIP();
  sampler.Close();
  EXPECT_EQ(sampler.CloseWindow([](Result<size_t>) {}).error().code, EBADF);
  EXPECT_EQ(sampler.Start().error().code, EBADF);
}

TEST(Sampler, ClosingItLeavesNoDescriptorBehind) {
  const size_t before = OpenDescriptors();
  {
    OPEN_OR_SKIP();
    ASSERT_TRUE(sampler.Start());
    Spin(10'000'000);
    CloseWindow(sampler);
    EXPECT_GT(OpenDescriptors(), before);
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST(Sampler, AProcessThatDoesNotExistIsAnError) {
  auto options = CpuClockOfThisProcess();
  options.target.ids = {5'000'000};
  const auto opened = Sampler::Open(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ESRCH);
}

#undef OPEN_OR_SKIP

/// Closes windows until `holds` for the CPUs that are sampled; false where that takes too long.
bool Await(Sampler& sampler, const std::vector<int>& cpus) {
  for (int tries = 0; tries < 50; tries++) {
    if (sampler.Cpus().sampled == cpus) return true;
    usleep(100'000);
  }
  return false;
}

class CpusTest : public testing::TestWithParam<BackEnd> {
 protected:
  void SetUp() override {
    const auto online = OnlineCpus();
    if (!online || online->size() < 2 || (*online)[1] != 1) GTEST_SKIP() << "needs CPUs 0 and 1";
    SamplerOptions options = CpuClockOfThisProcess();
    options.target = {.kind = TargetOptions::Kind::kCpus, .cpus = {0, 1, 4000}};
    options.back_end = GetParam();
    options.online_cpus = list_.path();
    auto opened = Sampler::Open(std::move(options));
    if (!opened) GTEST_SKIP() << opened.error().what;
    sampler_ = std::move(*opened);
  }

  /// Samples of each of the two CPUs in a window in which this process keeps both busy.
  std::array<size_t, 2> CountSamples() {
    std::thread other([] { SpinOn(1); });
    SpinOn(0);
    other.join();
    const auto bytes = CloseWindow(*sampler_);
    const test::WindowView window(bytes);
    std::array<size_t, 2> counts = {};
    for (const auto cpu : window.Column<uint32_t>(layout::kSampleCpu, kSession)) counts.at(cpu)++;
    return counts;
  }

  static void SpinOn(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    ASSERT_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
    const uint64_t end = ClockNow(CLOCK_THREAD_CPUTIME_ID) + 100'000'000;
    // Nearly all of it in user mode, which is what is sampled: looking at that clock is a system call.
    volatile uint64_t steps = 0;
    while (ClockNow(CLOCK_THREAD_CPUTIME_ID) < end) {
      for (int step = 0; step < 100'000; step++) steps = steps + 1;
    }
  }

  void TearDown() override {
    cpu_set_t all;
    std::memset(&all, 0xff, sizeof(all));
    sched_setaffinity(0, sizeof(all), &all);
  }

  const test::CpuList list_{"0-1"};
  std::unique_ptr<Sampler> sampler_;
};

TEST_P(CpusTest, ACpuThatGoesAndComesBackIsFollowed) {
  ASSERT_TRUE(sampler_->Start());
  ASSERT_TRUE(Await(*sampler_, {0, 1}));
  EXPECT_GT(CountSamples()[1], 50U);
  list_.Write("0");
  ASSERT_TRUE(Await(*sampler_, {0}));
  // What it was sampled for until then.
  CloseWindow(*sampler_);
  const auto alone = CountSamples();
  EXPECT_GT(alone[0], 50U);
  EXPECT_EQ(alone[1], 0U);
  list_.Write("0-1");
  ASSERT_TRUE(Await(*sampler_, {0, 1}));
  EXPECT_GT(CountSamples()[1], 50U);
  const auto malformed = static_cast<size_t>(LossReason::kMalformed);
  EXPECT_EQ(sampler_->Totals()[0].losses[malformed], 0U);
}

TEST_P(CpusTest, OneThatComesBeforeTheStartOrAfterTheEndIsNotSampledThen) {
  list_.Write("0");
  ASSERT_TRUE(Await(*sampler_, {0}));
  list_.Write("0-1");
  ASSERT_TRUE(Await(*sampler_, {0, 1}));
  EXPECT_EQ(CountSamples(), (std::array<size_t, 2>{0, 0}));
  ASSERT_TRUE(sampler_->Start());
  EXPECT_GT(CountSamples()[1], 50U);
  sampler_->Disable();
  list_.Write("0");
  ASSERT_TRUE(Await(*sampler_, {0}));
  list_.Write("0-1");
  ASSERT_TRUE(Await(*sampler_, {0, 1}));
  CloseWindow(*sampler_);
  EXPECT_EQ(CountSamples(), (std::array<size_t, 2>{0, 0}));
}

TEST_P(CpusTest, OneThatIsOnlineAndRefusedIsSaid) {
  list_.Write("0-1,4000");
  for (int tries = 0; tries < 50 && sampler_->Cpus().problems.empty(); tries++) usleep(100'000);
  const auto problems = sampler_->Cpus().problems;
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_TRUE(problems[0].starts_with("CPU 4000 is not sampled: ")) << problems[0];
  list_.Write("0-1");
  for (int tries = 0; tries < 50 && !sampler_->Cpus().problems.empty(); tries++) usleep(100'000);
  EXPECT_TRUE(sampler_->Cpus().problems.empty());
}

INSTANTIATE_TEST_SUITE_P(Sampler, CpusTest, testing::Values(BackEnd::kPerf, BackEnd::kBpf),
                         [](const auto& test) {
                           return test.param == BackEnd::kPerf ? "perf" : "bpf";
                         });

}  // namespace
}  // namespace sonde
