#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_set>
#include <vector>

#include "core/base/result.h"
#include "core/bpf/bpf_ring.h"
#include "core/bpf/capture_counts.h"
#include "core/bpf/captured_sample.h"
#include "core/bpf/filter_maps.h"
#include "core/bpf/mapped_memory.h"
#include "core/bpf/sampler_programs.h"
#include "core/perf/event_set.h"
#include "core/perf/sampler_options.h"
#include "core/perf/unwind_processes.h"

namespace sonde {

/// The BPF programs that take samples at the events of an EventSet, and their rings. Used by the drain thread, once the
/// events are enabled.
class BpfSampler {
 public:
  static Result<std::unique_ptr<BpfSampler>> Load(const SamplerOptions& options);

  /// There is a ring for the CPU then, the last one where it was made now. ENOSPC where the CPU was not in the machine when
  /// the programs were loaded.
  Status MakeRoomFor(int cpu);
  /// From now on each of the events of a ring runs its session's program, and writes nothing itself.
  Status AttachTo(const EventSet& events, uint32_t ring);

  std::vector<BpfRing>& rings() { return rings_; }
  /// Calls `visit(const CapturedSample&)` for each sample of a ring before `head`, and `malformed()` for what is none.
  template <typename Visit, typename Malformed>
  void Drain(size_t ring, uint64_t head, Visit&& visit, Malformed&& malformed);

  /// Whether samples of the process that started at `start_time` bring the chain by frame pointers beside the stack. All
  /// do, until something else is said.
  void SetChain(const ChainWish& wish, uint64_t start_time);
  CaptureCounts CountsOf(uint32_t cpu, uint32_t session) const;
  FilterMaps& filter() { return filter_; }

 private:
  BpfSampler(SamplerPrograms programs, FilterMaps filter, MappedMemory config,
             MappedMemory counters)
      : programs_(std::move(programs)),
        filter_(std::move(filter)),
        config_(std::move(config)),
        counters_(std::move(counters)) {}

  Status PlaceRing(uint32_t place, BpfRing ring);
  Status Configure(const SamplerOptions& options);

  SamplerPrograms programs_;
  FilterMaps filter_;
  MappedMemory config_;
  MappedMemory counters_;
  /// In the order in which they were made.
  std::vector<BpfRing> rings_;
  /// Places of `rings` in the programs that have one.
  std::unordered_set<uint32_t> places_;
  uint32_t cpus_ = 0;
  CapturedSampleReader reader_;
};

template <typename Visit, typename Malformed>
void BpfSampler::Drain(size_t ring, uint64_t head, Visit&& visit, Malformed&& malformed) {
  rings_[ring].Drain(head, [&](std::span<const std::byte> record) {
    const auto sample = reader_.Read(record);
    if (sample) {
      visit(*sample);
    } else {
      malformed();
    }
  });
}

}  // namespace sonde
