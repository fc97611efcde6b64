// The running kernel takes the programs, and their samples are of this process. Skipped where BPF may not be used.
#include "core/bpf/bpf_sampler.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/perf/event_set.h"
#include "core/perf/process_traits.h"

namespace sonde {
namespace {

SamplerOptions Options() {
  SamplerOptions options;
  options.sessions.push_back({.id = 0,
                              .name = "cpu-clock",
                              .type = PERF_TYPE_SOFTWARE,
                              .config = PERF_COUNT_SW_CPU_CLOCK,
                              .frequency = 999,
                              .clock = true,
                              .max_stack = 127,
                              .stack_bytes = 16 * 1024});
  options.target = {.kind = TargetOptions::Kind::kProcesses, .ids = {getpid()}};
  options.back_end = BackEnd::kBpf;
  options.ring_bytes = 512 * 1024;
  return options;
}

void SpinFor(uint64_t nanoseconds) {
  const uint64_t end = ClockNow(CLOCK_PROCESS_CPUTIME_ID) + nanoseconds;
  volatile uint64_t steps = 0;
  while (ClockNow(CLOCK_PROCESS_CPUTIME_ID) < end) steps = steps + 1;
}

/// Samples of this process over 100 ms of its CPU time under `filter`, and what was counted.
struct Taken {
  std::vector<CapturedSample> samples;
  CaptureCounts counts;
  size_t malformed = 0;
};

class BpfSamplerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loaded = BpfSampler::Load(options_);
    if (!loaded) GTEST_SKIP() << loaded.error().what;
    sampler_ = std::move(*loaded);
    auto events = EventSet::Open(options_, KernelFeatures::Probe(), [](size_t, auto) {});
    ASSERT_TRUE(events) << events.error().what;
    events_ = std::make_unique<EventSet>(std::move(*events));
    for (uint32_t ring = 0; ring < events_->rings().size(); ring++) {
      ASSERT_TRUE(sampler_->AttachTo(*events_, ring));
    }
  }

  Taken Take(const SampleFilter& filter) {
    EXPECT_TRUE(sampler_->filter().Set(filter, ProcessTraitsReader().All()));
    const CaptureCounts before = Counts();
    EXPECT_TRUE(events_->Enable());
    SpinFor(100'000'000);
    events_->Disable();
    Taken taken;
    for (size_t ring = 0; ring < sampler_->rings().size(); ring++) {
      sampler_->Drain(
          ring, sampler_->rings()[ring].Head(),
          [&](const CapturedSample& sample) { taken.samples.push_back(sample); },
          [&] { taken.malformed++; });
    }
    const CaptureCounts now = Counts();
    taken.counts = {.runs = now.runs - before.runs,
                    .kept = now.kept - before.kept,
                    .filtered = now.filtered - before.filtered,
                    .sampled_out = now.sampled_out - before.sampled_out};
    return taken;
  }

  CaptureCounts Counts() const {
    CaptureCounts sum;
    for (uint32_t cpu = 0; cpu < 1024; cpu++) {
      const CaptureCounts counts = sampler_->CountsOf(cpu, 0);
      sum.runs += counts.runs;
      sum.kept += counts.kept;
      sum.filtered += counts.filtered;
      sum.sampled_out += counts.sampled_out;
    }
    return sum;
  }

  const SamplerOptions options_ = Options();
  std::unique_ptr<BpfSampler> sampler_;
  std::unique_ptr<EventSet> events_;
};

TEST_F(BpfSamplerTest, TakesRegistersAndTheUsedStack) {
  const Taken taken = Take({});
  EXPECT_EQ(taken.malformed, 0u);
  ASSERT_GT(taken.samples.size(), 20u);
  EXPECT_EQ(taken.counts.kept, taken.samples.size());
  for (const CapturedSample& sample : taken.samples) {
    EXPECT_EQ(sample.record.pid, static_cast<uint32_t>(getpid()));
    EXPECT_EQ(sample.record.registers_abi, uint64_t{PERF_SAMPLE_REGS_ABI_64});
    EXPECT_EQ(sample.record.period, uint64_t{1'001'001});
    EXPECT_NE(sample.start_time, 0u);
    // A frame of a few words at least, and far from what is the most.
    EXPECT_GT(sample.record.stack.size(), 64u);
    EXPECT_FALSE(sample.record.stack_cut);
  }
}

TEST_F(BpfSamplerTest, LeavesOutWhatAFilterExcludes) {
  const auto pid = static_cast<uint64_t>(getpid());
  const Taken without =
      Take({{{.kind = MatchKind::kPid, .action = FilterAction::kExclude, .value = pid}}});
  EXPECT_TRUE(without.samples.empty());
  EXPECT_GT(without.counts.filtered, 20u);
  EXPECT_EQ(without.counts.filtered, without.counts.runs);
  // The same programs, without having been detached.
  const Taken with =
      Take({{{.kind = MatchKind::kTree, .action = FilterAction::kInclude, .value = pid}}});
  EXPECT_EQ(with.counts.kept, with.counts.runs);
  EXPECT_GT(with.samples.size(), 20u);
}

TEST_F(BpfSamplerTest, KeepsOneInNWithNTimesItsPeriod) {
  const Taken taken = Take({{{.kind = MatchKind::kPid,
                              .action = FilterAction::kThin,
                              .value = static_cast<uint64_t>(getpid()),
                              .one_in = 4}}});
  EXPECT_EQ(taken.counts.kept + taken.counts.sampled_out, taken.counts.runs);
  EXPECT_GT(taken.counts.sampled_out, taken.counts.kept);
  for (const CapturedSample& sample : taken.samples) {
    EXPECT_EQ(sample.record.period, uint64_t{4 * 1'001'001});
  }
}

TEST_F(BpfSamplerTest, RefusesMoreRulesThanThereIsRoomForAndKeepsTheOldOnes) {
  const auto pid = static_cast<uint64_t>(getpid());
  const FilterRule excluded{
      .kind = MatchKind::kPid, .action = FilterAction::kExclude, .value = pid};
  ASSERT_TRUE(sampler_->filter().Set({{excluded}}, {}));
  SampleFilter large;
  for (uint64_t number = 1; number <= 5000; number++) {
    large.rules.push_back({.kind = MatchKind::kPid, .value = number});
  }
  const Status refused = sampler_->filter().Set(large, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ENOSPC);
}

TEST_F(BpfSamplerTest, OtherRulesStandWhenAMemberOfATreeEnds) {
  const auto pid = static_cast<uint32_t>(getpid());
  const SampleFilter filter{
      {{.kind = MatchKind::kTree, .action = FilterAction::kInclude, .value = 1},
       {.kind = MatchKind::kPid, .action = FilterAction::kExclude, .value = pid}}};
  ASSERT_TRUE(sampler_->filter().Set(filter, ProcessTraitsReader().All()));
  sampler_->filter().Apply(
      {.kind = ProcessEventKind::kFork, .pid = 4'000'001, .tid = 4'000'001, .parent_pid = 1});
  sampler_->filter().Apply({.kind = ProcessEventKind::kExit, .pid = 4'000'001, .tid = 4'000'001});
  const CaptureCounts before = Counts();
  ASSERT_TRUE(events_->Enable());
  SpinFor(50'000'000);
  events_->Disable();
  EXPECT_EQ(Counts().kept, before.kept);
  EXPECT_GT(Counts().filtered, before.filtered + 10);
}

}  // namespace
}  // namespace sonde
