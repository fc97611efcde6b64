// What a sample costs the agent between the ring and the window's buffer: parsing, interning, closing. Prints one JSON
// object per case, in CPU time; test/bench/aggregate.bench.ts runs it and says what the figures should be.
#include <algorithm>
#include <cstdio>
#include <random>

#include "core/base/clock.h"
#include "core/perf/record.h"
#include "core/perf/window.h"
#include "core/perf/window_closer.h"
#include "perf/record_bytes.h"

namespace sonde {
namespace {

constexpr size_t kSamples = 200'000;
constexpr size_t kDepth = 24;
/// The machine is shared: the best round counts.
constexpr int kRounds = 5;

struct Cost {
  double drain_ns = 1e9;
  double close_ns = 1e9;
  size_t stacks = 0;
  size_t bytes = 0;

  double total() const { return drain_ns + close_ns; }
};

/// Chains of depth 24 through 4,096 places.
std::vector<std::vector<uint64_t>> RandomChains(size_t count, std::mt19937_64& random) {
  std::vector<std::vector<uint64_t>> chains(count, {test::kUserMarker});
  for (auto& chain : chains) {
    for (size_t depth = 0; depth < kDepth; depth++) {
      chain.push_back(0x400000 + random() % 4096 * 16);
    }
  }
  return chains;
}

/// Samples that take each of `distinct` chains once, then any of them.
std::vector<test::RecordBytes> Samples(size_t distinct) {
  std::mt19937_64 random(1);
  const auto chains = RandomChains(distinct, random);
  std::vector<test::RecordBytes> records;
  for (size_t index = 0; index < kSamples; index++) {
    const auto& chain = chains[index < distinct ? index : random() % distinct];
    records.push_back(test::SampleBytes({.time = 1000 + index, .chain = chain}));
  }
  return records;
}

Cost Round(const std::vector<std::span<const std::byte>>& samples) {
  const std::vector<SessionOptions> sessions = {
      {.id = 1, .name = "cpu-clock", .type = 1, .frequency = 99, .max_stack = 127}};
  Window window({.max_samples = kSamples, .max_stack_bytes = 1 << 30}, 1, 1, 7);
  WindowCloser closer(sessions, {});

  const uint64_t start = ClockNow(CLOCK_PROCESS_CPUTIME_ID);
  for (const auto& bytes : samples) {
    const Record record = ParseRecord(bytes);
    window.AddSample(0, 0, std::get<SampleRecord>(record.body));
  }
  const uint64_t drained = ClockNow(CLOCK_PROCESS_CPUTIME_ID);
  const auto buffer = closer.Close(window, {.start = 0, .end = kSamples});
  const uint64_t closed = ClockNow(CLOCK_PROCESS_CPUTIME_ID);

  return {.drain_ns = static_cast<double>(drained - start) / kSamples,
          .close_ns = static_cast<double>(closed - drained) / kSamples,
          .stacks = window.stacks().size(),
          .bytes = buffer.size() / kSamples};
}

void Report(const char* name, size_t distinct) {
  auto records = Samples(distinct);
  std::vector<std::span<const std::byte>> spans;
  for (auto& record : records) spans.push_back(record.Build());
  Cost best;
  for (int round = 0; round < kRounds; round++) {
    best = std::min(best, Round(spans), [](const Cost& left, const Cost& right) {
      return left.total() < right.total();
    });
  }
  std::printf(
      "{\"name\":\"%s\",\"depth\":%zu,\"samples\":%zu,\"stacks\":%zu,\"drainNs\":%.1f,"
      "\"closeNs\":%.1f,\"bytes\":%zu}\n",
      name, kDepth, kSamples, best.stacks, best.drain_ns, best.close_ns, best.bytes);
}

}  // namespace
}  // namespace sonde

int main() {
  sonde::Report("one stack in ten is new", sonde::kSamples / 10);
  sonde::Report("every stack is new (the worst)", sonde::kSamples);
}
