#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/perf/event.h"
#include "core/perf/event_attr.h"
#include "core/perf/ring_buffer.h"
#include "core/perf/sampler_options.h"

namespace sonde {

/// An event of one session, on one CPU and for one thread or all of them.
struct SampledEvent {
  Event event;
  uint32_t session = 0;  ///< place in SamplerOptions.sessions
  uint32_t ring = 0;
};

/// A CPU's ring. Every event of the CPU writes into it.
struct CpuRing {
  int cpu = 0;
  /// Of the first event of the CPU; wakes when the ring is half full.
  int owner_fd = -1;
  RingBuffer buffer;
};

/// The events of a sampler, and their rings.
class EventSet {
 public:
  /// Gets every record that arrives while events are still being opened.
  using Collect = std::function<void(size_t ring, std::span<const std::byte> record)>;

  /// Opens everything, disabled but for the bookkeeping. A CPU that is offline is left out.
  static Result<EventSet> Open(const SamplerOptions& options, KernelFeatures features,
                               const Collect& collect);

  Status Enable();
  void Disable();
  /// Whether every thread that was opened, and every child that inherited its events, has exited.
  bool AllThreadsGone() const;

  std::vector<CpuRing>& rings() { return rings_; }
  const std::vector<CpuRing>& rings() const { return rings_; }
  const std::vector<SampledEvent>& sampled() const { return sampled_; }
  const std::vector<Event>& bookkeeping() const { return bookkeeping_; }

 private:
  friend class EventOpener;

  std::vector<CpuRing> rings_;
  std::vector<SampledEvent> sampled_;
  std::vector<Event> bookkeeping_;
  /// One bookkeeping event of each thread.
  std::vector<int> thread_fds_;
};

}  // namespace sonde
