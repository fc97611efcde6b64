// What unwinding costs: samples of a running process are kept with their registers and stack bytes, and unwound again and
// again, in CPU time. Prints one JSON object; test/bench/unwind.bench.ts runs it on several programs.
//   sonde_unwind_bench PID SECONDS
#include <poll.h>
#include <sys/eventfd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "core/base/clock.h"
#include "core/perf/event_set.h"
#include "core/perf/record.h"
#include "core/perf/stack_unwinder.h"
#include "core/perf/unwound_chain.h"

namespace sonde {
namespace {

constexpr uint64_t kFrequency = 999;
constexpr uint32_t kStackBytes = 8192;
constexpr size_t kMaxSamples = 4000;
constexpr int kRounds = 5;
constexpr size_t kCacheBytes = 32 << 20;

SamplerOptions OptionsFor(pid_t pid) {
  SamplerOptions options;
  options.sessions = {{.id = 1,
                       .name = "cpu-clock",
                       .type = PERF_TYPE_SOFTWARE,
                       .config = PERF_COUNT_SW_CPU_CLOCK,
                       .frequency = kFrequency,
                       .clock = true,
                       .max_stack = 127,
                       .stack_bytes = kStackBytes}};
  options.target = {.kind = TargetOptions::Kind::kProcesses, .ids = {pid}};
  options.ring_bytes = 4 << 20;
  return options;
}

/// Records of samples, whole.
std::vector<std::vector<uint64_t>> Sample(pid_t pid, double seconds) {
  const SamplerOptions options = OptionsFor(pid);
  auto events = EventSet::Open(options, KernelFeatures::Probe(), [](size_t, auto) {});
  if (!events) {
    std::fprintf(stderr, "%s\n", events.error().what.c_str());
    std::exit(1);
  }
  (void)events->Enable();
  std::vector<std::vector<uint64_t>> samples;
  const uint64_t end = MonotonicNow() + static_cast<uint64_t>(seconds * 1e9);
  while (MonotonicNow() < end && samples.size() < kMaxSamples) {
    poll(nullptr, 0, 50);
    for (CpuRing& ring : events->rings()) {
      ring.buffer->reader().Drain([&](std::span<const std::byte> record) {
        const auto* words = reinterpret_cast<const uint64_t*>(record.data());
        const auto* header = reinterpret_cast<const perf_event_header*>(words);
        if (header->type == PERF_RECORD_SAMPLE) {
          samples.emplace_back(words, words + record.size() / sizeof(uint64_t));
        }
      });
    }
  }
  return samples;
}

std::vector<SampleRecord> Parse(const std::vector<std::vector<uint64_t>>& records) {
  SampleLayouts layouts;
  // All events of the process have the same one.
  for (const auto& record : records) layouts.Set(record[1], {.captured = true});
  std::vector<SampleRecord> samples;
  for (const auto& record : records) {
    const Record parsed = ParseRecord(std::as_bytes(std::span(record)), layouts);
    const auto& sample = std::get<SampleRecord>(parsed.body);
    if (StackUnwinder::CanUnwind(sample)) samples.push_back(sample);
  }
  return samples;
}

struct Figures {
  double hot_ns = 1e12;
  double cold_ns = 1e12;
  size_t frames = 0;
  size_t complete = 0;
};

/// Until nothing waits for a file any more.
void Warm(StackUnwinder& unwinder, const std::vector<SampleRecord>& samples) {
  bool waits = true;
  while (waits) {
    waits = false;
    for (const SampleRecord& sample : samples) waits = !unwinder.Unwind(sample, 127) || waits;
    poll(nullptr, 0, 5);
    unwinder.TakeAnswers();
  }
}

double Round(StackUnwinder& unwinder, const std::vector<SampleRecord>& samples) {
  const uint64_t start = ClockNow(CLOCK_THREAD_CPUTIME_ID);
  for (const SampleRecord& sample : samples) (void)unwinder.Unwind(sample, 127);
  return static_cast<double>(ClockNow(CLOCK_THREAD_CPUTIME_ID) - start) /
         static_cast<double>(samples.size());
}

/// As after a pause: what the caches held was another program's.
double ColdRound(StackUnwinder& unwinder, const std::vector<SampleRecord>& samples) {
  static std::vector<uint64_t> other(kCacheBytes / sizeof(uint64_t));
  constexpr size_t kBatch = 100;
  double total = 0;
  size_t measured = 0;
  for (size_t at = 0; at + kBatch <= samples.size() && measured < 1000; at += kBatch) {
    for (size_t word = 0; word < other.size(); word += 8) other[word]++;
    const uint64_t start = ClockNow(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = at; i < at + kBatch; i++) (void)unwinder.Unwind(samples[i], 127);
    total += static_cast<double>(ClockNow(CLOCK_THREAD_CPUTIME_ID) - start);
    measured += kBatch;
  }
  return measured == 0 ? 0 : total / static_cast<double>(measured);
}

void Report(pid_t pid, double seconds) {
  const auto records = Sample(pid, seconds);
  const auto samples = Parse(records);
  if (samples.empty()) {
    std::fprintf(stderr, "no samples of process %d\n", pid);
    std::exit(1);
  }
  StackUnwinder unwinder(UniqueFd(eventfd(0, EFD_CLOEXEC)));
  Warm(unwinder, samples);
  Figures figures;
  for (const SampleRecord& sample : samples) {
    const auto chain = UnwoundChain::From(*unwinder.Unwind(sample, 127));
    figures.frames += chain->user.size();
    figures.complete += chain->outcome.end == UnwindEnd::kComplete ? 1 : 0;
  }
  for (int round = 0; round < kRounds; round++) {
    figures.hot_ns = std::min(figures.hot_ns, Round(unwinder, samples));
    figures.cold_ns = std::min(figures.cold_ns, ColdRound(unwinder, samples));
  }
  std::printf("{\"samples\":%zu,\"depth\":%.2f,\"complete\":%.4f,\"hotNs\":%.0f,\"coldNs\":%.0f}\n",
              samples.size(),
              static_cast<double>(figures.frames) / static_cast<double>(samples.size()),
              static_cast<double>(figures.complete) / static_cast<double>(samples.size()),
              figures.hot_ns, figures.cold_ns);
}

}  // namespace
}  // namespace sonde

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  sonde::Report(std::atoi(argv[1]), std::atof(argv[2]));
}
