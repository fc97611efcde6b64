// Records go to the window of their time, and what does not arrive is booked by its reason.
#include "core/perf/collector.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "perf/record_bytes.h"

namespace sonde {
namespace {

constexpr uint64_t kBoundary = 5000;

class CollectorTest : public testing::Test {
 protected:
  CollectorTest() {
    options_.sessions.push_back({.id = 1, .name = "cpu-clock", .frequency = 99, .max_stack = 127});
    options_.target.kind = TargetOptions::Kind::kProcesses;
    options_.max_samples_per_window = 3;
    options_.max_stack_bytes_per_window = 1 << 20;
    collector_.emplace(options_, KernelFeatures{}, 1, 7);
  }

  /// Makes one event known, as of CPU 0. Its id, or 0 where the kernel opens none.
  uint64_t KnowAnEvent() {
    perf_event_attr attr = {};
    attr.size = sizeof(attr);
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_DUMMY;
    attr.exclude_kernel = 1;
    attr.disabled = 1;
    auto event = Event::Open(attr, 0, -1, "dummy");
    if (!event) return 0;
    const uint64_t id = event->id();
    sampled_.push_back({.event = std::move(*event), .session = 0, .ring = 0});
    // A ring that nothing is read from.
    rings_.push_back({.cpu = 3, .owner_fd = -1, .buffer = UnmappedRing()});
    collector_->Know(sampled_, rings_);
    return id;
  }
  void Take(test::RecordBytes record) { collector_->OnRecord(0, record.Build()); }
  void Sample(uint64_t id, uint64_t time) {
    Take(test::SampleBytes({.id = id, .time = time, .chain = {test::kUserMarker, 0x401000}}));
  }
  std::unique_ptr<Window> Finish() {
    collector_->SetBoundary(kBoundary);
    return collector_->FinishWindow();
  }
  static uint64_t Lost(const Window& window, LossReason reason) {
    return window.losses()[0][static_cast<size_t>(reason)];
  }
  uint64_t LostInAll(LossReason reason) const {
    return collector_->totals()[0].losses[static_cast<size_t>(reason)];
  }

  SamplerOptions options_;
  std::optional<Collector> collector_;
  std::vector<SampledEvent> sampled_;
  std::vector<CpuRing> rings_;

 private:
  /// Memory in the place of a ring: a file that can be mapped as one.
  static RingBuffer UnmappedRing() {
    const UniqueFd memory(memfd_create("ring", MFD_CLOEXEC));
    EXPECT_EQ(ftruncate(memory.get(), 2 * 4096), 0);
    return std::move(*RingBuffer::Map(memory.get(), 4096));
  }
};

#define KNOWN_EVENT_OR_SKIP()        \
  const uint64_t id = KnowAnEvent(); \
  if (id == 0) GTEST_SKIP() << "perf_event_open of a dummy event is not permitted here"

TEST_F(CollectorTest, SamplesGoToTheWindowOfTheirTime) {
  KNOWN_EVENT_OR_SKIP();
  Sample(id, kBoundary - 1);
  collector_->SetBoundary(kBoundary);
  Sample(id, kBoundary);
  Sample(id, kBoundary - 2);
  EXPECT_EQ(collector_->FinishWindow()->samples()[0].size(), 2U);
  EXPECT_EQ(Finish()->samples()[0].size(), 1U);
  EXPECT_EQ(collector_->totals()[0].taken, 3U);
  EXPECT_EQ(collector_->totals()[0].first_sample_time, kBoundary - 2);
}

TEST_F(CollectorTest, ProcessRecordsGoToTheWindowOfTheirTime) {
  collector_->SetBoundary(kBoundary);
  Take(test::CommBytes("later", {.time = kBoundary}));
  Take(test::Mmap2Bytes({.path = "/bin/app", .build_id = {1, 2}}, {.time = kBoundary - 1}));
  const auto window = collector_->FinishWindow();
  ASSERT_EQ(window->records().size(), 1U);
  const ProcessRecord& mapped = window->records()[0];
  EXPECT_EQ(mapped.text, "/bin/app");
  EXPECT_EQ(mapped.end, mapped.start + 0x1000);
  EXPECT_EQ(mapped.file.build_id, (std::vector<uint8_t>{1, 2}));
  EXPECT_EQ(Finish()->records()[0].text, "later");
}

TEST_F(CollectorTest, ASampleOfAnEventThatNobodyOpenedIsMalformed) {
  // Not even before any event is known, and whatever number it claims.
  for (const uint64_t id : {uint64_t{0}, uint64_t{77}, UINT64_MAX}) Sample(id, 10);
  EXPECT_EQ(Lost(*Finish(), LossReason::kMalformed), 3U);
  EXPECT_EQ(collector_->totals()[0].taken, 0U);
}

TEST_F(CollectorTest, ASampleIsTakenOrLostAndNeverBoth) {
  KNOWN_EVENT_OR_SKIP();
  for (uint64_t time = 1; time <= 5; time++) Sample(id, time);
  EXPECT_EQ(collector_->totals()[0].taken, 3U);
  EXPECT_EQ(LostInAll(LossReason::kTableFull), 2U);
  EXPECT_EQ(Lost(*Finish(), LossReason::kTableFull), 2U);
}

TEST_F(CollectorTest, AFullRingIsBookedByTheKernelsRecordWhereEventsDoNotCount) {
  KNOWN_EVENT_OR_SKIP();
  Take(test::LostBytes(id, 12, {.time = 40, .cpu = 3}));
  const auto window = Finish();
  EXPECT_EQ(Lost(*window, LossReason::kRingFull), 12U);
  ASSERT_EQ(window->notices()[0].size(), 1U);
  EXPECT_EQ(window->notices()[0][0].count, 12U);
  EXPECT_EQ(window->notices()[0][0].cpu, 3U);
  EXPECT_EQ(LostInAll(LossReason::kRingFull), 12U);
}

TEST_F(CollectorTest, WhatTheHardwareLostIsMissed) {
  KNOWN_EVENT_OR_SKIP();
  Take(test::LostSamplesBytes(8, {.id = id}));
  EXPECT_EQ(Lost(*Finish(), LossReason::kMissed), 8U);
}

TEST_F(CollectorTest, ThrottlingIsNoticedWithItsTimeAndCpu) {
  KNOWN_EVENT_OR_SKIP();
  Take(test::ThrottleBytes(PERF_RECORD_THROTTLE, id, {.time = 30}));
  Take(test::ThrottleBytes(PERF_RECORD_UNTHROTTLE, id, {.time = 34}));
  Take(test::ThrottleBytes(PERF_RECORD_THROTTLE, id + 1, {.time = 35}));
  const auto window = Finish();
  ASSERT_EQ(window->notices()[0].size(), 2U);
  EXPECT_EQ(window->notices()[0][0].kind, NoticeKind::kThrottle);
  EXPECT_EQ(window->notices()[0][1].kind, NoticeKind::kUnthrottle);
  EXPECT_EQ(window->notices()[0][1].time, 34U);
  EXPECT_EQ(window->notices()[0][1].cpu, 3U);
}

TEST_F(CollectorTest, ADamagedProcessRecordMakesProcBeReadAgain) {
  Take(test::RecordBytes(PERF_RECORD_COMM).U64(1));
  const auto window = Finish();
  EXPECT_EQ(window->dropped_records(), 1U);
  EXPECT_EQ(Lost(*window, LossReason::kMalformed), 0U) << "it was no sample";
}

TEST_F(CollectorTest, ADamagedRingIsALossAndMakesProcBeReadAgain) {
  collector_->OnCorruptRing();
  const auto window = Finish();
  EXPECT_EQ(window->dropped_records(), 1U);
  EXPECT_EQ(Lost(*window, LossReason::kMalformed), 1U);
}

TEST_F(CollectorTest, WhatIsAnotherSamplersTimeIsOverlapAndNoLoss) {
  KNOWN_EVENT_OR_SKIP();
  Sample(id, 10);
  Sample(id, 30);
  Take(test::ThrottleBytes(PERF_RECORD_THROTTLE, id, {.time = 31}));
  collector_->KeepUntil(25);
  Sample(id, 24);
  for (uint64_t time = 25; time < 30; time++) Sample(id, time);
  Take(test::LostBytes(id, 12, {.time = 40}));
  const auto window = Finish();
  EXPECT_EQ(window->samples()[0].size(), 2U);
  EXPECT_TRUE(window->notices()[0].empty());
  EXPECT_EQ(collector_->totals()[0].taken, 2U);
  EXPECT_EQ(collector_->totals()[0].left_out[static_cast<size_t>(LeftOutReason::kOverlap)], 6U);
  EXPECT_EQ(window->left_out()[0], collector_->totals()[0].left_out);
  EXPECT_EQ(window->losses()[0], LossCounts{});
}

#undef KNOWN_EVENT_OR_SKIP

}  // namespace
}  // namespace sonde
