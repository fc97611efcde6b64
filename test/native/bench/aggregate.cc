// What a sample costs the agent: parsing, interning and closing, with nearly every stack distinct.
#include <gtest/gtest.h>
#include <time.h>

#include <cstdio>
#include <random>

#include "core/base/clock.h"
#include "core/perf/collector.h"
#include "core/perf/window_closer.h"
#include "perf/record_bytes.h"

namespace sonde {
namespace {

constexpr size_t kSamples = 200'000;
constexpr size_t kDepth = 24;

/// Samples with distinct chains of depth 24 through 4,096 places.
std::vector<test::RecordBytes> ManyStacks(size_t distinct) {
  std::mt19937_64 random(1);
  std::vector<test::RecordBytes> records;
  for (size_t index = 0; index < distinct; index++) {
    test::SampleFields fields{.time = 1000 + index, .period = 1};
    fields.chain = {test::kUserMarker};
    for (size_t depth = 0; depth < kDepth; depth++) {
      fields.chain.push_back(0x400000 + random() % 4096 * 16);
    }
    records.push_back(test::SampleBytes(fields));
  }
  return records;
}

TEST(Aggregating, ADistinctStackPerSampleCostsMicrosecondsAtMost) {
  SamplerOptions options;
  options.sessions.push_back(
      {.id = 1, .name = "cpu-clock", .type = 1, .frequency = 99, .max_stack = 127});
  options.max_samples_per_window = kSamples;
  options.max_stack_bytes_per_window = 1 << 30;

  Window window({options.max_samples_per_window, options.max_stack_bytes_per_window}, 1, 1, 7);
  auto records = ManyStacks(kSamples);
  std::vector<std::span<const std::byte>> spans;
  for (auto& record : records) spans.push_back(record.Build());

  const uint64_t start = ClockNow(CLOCK_PROCESS_CPUTIME_ID);
  for (size_t index = 0; index < kSamples; index++) {
    const Record record = ParseRecord(spans[index]);
    window.AddSample(0, 0, std::get<SampleRecord>(record.body));
  }
  const uint64_t drained = ClockNow(CLOCK_PROCESS_CPUTIME_ID);
  WindowCloser closer(options.sessions, options.target);
  const auto bytes = closer.Close(window, {.start = 0, .end = kSamples});
  const uint64_t closed = ClockNow(CLOCK_PROCESS_CPUTIME_ID);

  const double drain_ns = static_cast<double>(drained - start) / kSamples;
  const double close_ns = static_cast<double>(closed - drained) / kSamples;
  std::printf(
      "per sample of depth %zu, %u distinct stacks: %.0f ns to drain, %.0f ns to close, %zu "
      "bytes\n",
      kDepth, window.stacks().size(), drain_ns, close_ns, bytes.size() / kSamples);
  EXPECT_LT(drain_ns + close_ns, 10'000);
}

}  // namespace
}  // namespace sonde
