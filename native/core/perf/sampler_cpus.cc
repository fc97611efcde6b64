// A sampler's CPUs that come and go, on its drain thread.

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/clock.h"
#include "core/perf/sampler.h"

namespace sonde {

void Sampler::FollowCpus() {
  if (options_.target.kind != TargetOptions::Kind::kCpus) return;
  const auto look = cpus_.LookAt(MonotonicNow());
  if (look) FollowTo(*look);
}

/// What goes is drained first, and what comes begins with what /proc says of the processes: what happened there before was
/// not recorded.
void Sampler::FollowTo(const CpuWatch::Look& look) {
  const auto is_online = [&](int cpu) {
    return std::ranges::find(look.online, cpu) != look.online.end();
  };
  std::vector<int> gone = look.heard ? events_->StoppedCpus() : std::vector<int>{};
  for (const CpuRing& ring : events_->rings()) {
    if (ring.buffer && !is_online(ring.cpu)) gone.push_back(ring.cpu);
  }
  for (const int cpu : gone) EndCpu(cpu);
  for (const int cpu : options_.target.cpus) {
    if (is_online(cpu) && !events_->RingOfCpu(cpu)) BeginCpu(cpu);
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(cpu_problems_, [&](const auto& problem) { return !is_online(problem.first); });
}

void Sampler::EndCpu(int cpu) {
  const auto ring = events_->RingOfCpu(cpu);
  if (!ring) return;
  DrainAll();
  collector_.EndRing(*ring, *events_, CountCaptured());
  const std::lock_guard lock(events_mutex_);
  events_->CloseCpu(cpu);
}

void Sampler::BeginCpu(int cpu) {
  const Status sampled = SampleOn(cpu);
  const std::lock_guard lock(mutex_);
  cpu_problems_.erase(cpu);
  // It has gone offline again.
  if (sampled || sampled.error().code == ENODEV) return;
  cpu_problems_[cpu] = sampled.error().what + ": " + strerror(sampled.error().code);
}

Status Sampler::SampleOn(int cpu) {
  if (bpf_ != nullptr) {
    const Status room = bpf_->MakeRoomFor(cpu);
    if (!room) return room;
    const Status watches = WatchBpfRings();
    if (!watches) return watches;
  }
  const std::lock_guard lock(events_mutex_);
  const auto ring = events_->OpenCpu(cpu);
  if (!ring) return ring.error();
  const Status begun = BeginRing(*ring);
  if (!begun) events_->CloseCpu(cpu);
  return begun;
}

Status Sampler::BeginRing(uint32_t ring) {
  if (bpf_ != nullptr) {
    const Status attached = bpf_->AttachTo(*events_, ring);
    if (!attached) return attached;
  }
  const Status watches = Watch(events_->rings()[ring].owner_fd, ring);
  if (!watches) return watches;
  collector_.Know(events_->sampled(), events_->rings(), CountCaptured());
  collector_.MissRecords();
  return started_at_ != 0 && IsSampling() && !paused_ ? events_->Enable() : Ok();
}

}  // namespace sonde
