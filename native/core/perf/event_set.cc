#include "core/perf/event_set.h"

#include <poll.h>

#include <algorithm>
#include <utility>

#include "core/perf/event_opener.h"

namespace sonde {
namespace {

/// Some 3,000 records of processes.
constexpr size_t kBookkeepingRing = 256 * 1024;

}  // namespace

Result<EventSet> EventSet::Open(const SamplerOptions& options, KernelFeatures features,
                                const Collect& collect) {
  EventOpener opener(options, EventSet(options, features), collect);
  return opener.Open();
}

Status EventSet::Enable() {
  for (SampledEvent& sampled : sampled_) {
    if (!sampled.event.IsOpen()) continue;
    auto enabled = sampled.event.Enable();
    if (!enabled) return enabled;
  }
  return Ok();
}

void EventSet::Disable() {
  for (SampledEvent& sampled : sampled_) {
    // Fails only for an event that no longer counts anyway.
    (void)sampled.event.Disable();
  }
}

bool EventSet::AllThreadsGone() const {
  if (thread_fds_.empty()) return false;
  std::vector<pollfd> polled;
  polled.reserve(thread_fds_.size());
  for (const int fd : thread_fds_) polled.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  if (poll(polled.data(), polled.size(), 0) < 0) return false;
  for (const pollfd& thread : polled) {
    if ((thread.revents & POLLHUP) == 0) return false;
  }
  return true;
}

std::optional<uint32_t> EventSet::RingOfCpu(int cpu) const {
  const auto found = std::ranges::find_if(
      rings_, [cpu](const CpuRing& ring) { return ring.cpu == cpu && ring.buffer; });
  if (found == rings_.end()) return std::nullopt;
  return static_cast<uint32_t>(found - rings_.begin());
}

uint64_t EventSet::LostBookkeeping() const {
  uint64_t lost = lost_before_;
  for (const Event& event : bookkeeping_) {
    const auto counts = event.Read();
    if (counts) lost += counts->lost;
  }
  return lost;
}

// --- whole CPUs ----------------------------------------------------------------------------------

Result<uint32_t> EventSet::OpenCpu(int cpu) {
  const Status opened = OpenBookkeeping(-1, cpu);
  if (!opened) return opened.error();
  const Status sampled = OpenSampledOfCpu(cpu);
  if (sampled) return *RingOfCpu(cpu);
  CloseCpu(cpu);
  return sampled.error();
}

Status EventSet::OpenSampledOfCpu(int cpu) {
  if (!scope_) {
    for (uint32_t session = 0; session < options_->sessions.size(); session++) {
      const Status opened = OpenSampled(-1, session, cpu);
      if (!opened) return opened;
    }
    return Ok();
  }
  for (const ScopedCgroup& cgroup : *scope_) {
    for (uint32_t session = 0; session < options_->sessions.size(); session++) {
      const Status opened = OpenInCgroup(cgroup, session, cpu);
      if (!opened) return opened;
    }
  }
  return Ok();
}

Status EventSet::OpenScope(std::optional<std::vector<ScopedCgroup>> cgroups) {
  for (SampledEvent& sampled : sampled_) sampled.superseded = sampled.event.IsOpen();
  scope_.swap(cgroups);
  for (const CpuRing& ring : rings_) {
    if (!ring.buffer) continue;
    const Status opened = OpenSampledOfCpu(ring.cpu);
    // It has gone offline meanwhile: nothing is sampled there either way.
    if (opened || opened.error().code == ENODEV) continue;
    for (SampledEvent& sampled : sampled_) {
      if (!std::exchange(sampled.superseded, false)) Close(sampled);
    }
    scope_.swap(cgroups);
    return opened;
  }
  return Ok();
}

Status EventSet::SwitchScope(Switched others) {
  for (SampledEvent& sampled : sampled_) {
    if (sampled.superseded) (void)sampled.event.Disable();
  }
  if (others == Switched::kDisabled) return Ok();
  for (SampledEvent& sampled : sampled_) {
    if (sampled.superseded || !sampled.event.IsOpen()) continue;
    const Status enabled = sampled.event.Enable();
    if (!enabled) return enabled;
  }
  return Ok();
}

void EventSet::CloseSuperseded() {
  for (SampledEvent& sampled : sampled_) {
    if (sampled.superseded) Close(sampled);
  }
}

void EventSet::Close(SampledEvent& sampled) {
  if (!sampled.event.IsOpen()) return;
  sampled.event.Close();
  sampled.superseded = false;
  closed_++;
}

void EventSet::CloseCpu(int cpu) {
  const auto place = RingOfCpu(cpu);
  if (!place) return;
  for (SampledEvent& sampled : sampled_) {
    if (sampled.ring == *place) Close(sampled);
  }
  CpuRing& ring = rings_[*place];
  Event& owner = bookkeeping_[ring.owner];
  const auto counts = owner.Read();
  if (counts) lost_before_ += counts->lost;
  ring.buffer.reset();
  ring.owner_fd = -1;
  owner.Close();
}

std::vector<int> EventSet::StoppedCpus() {
  std::vector<int> stopped;
  for (CpuRing& ring : rings_) {
    if (!ring.buffer) continue;
    const auto counts = bookkeeping_[ring.owner].Read();
    if (!counts || counts->time_running == ring.counted) {
      stopped.push_back(ring.cpu);
    } else {
      ring.counted = counts->time_running;
    }
  }
  return stopped;
}

// --- one event -----------------------------------------------------------------------------------

Status EventSet::OpenBookkeeping(pid_t pid, int cpu) {
  const auto watermark = static_cast<uint32_t>(RingBytes() / 2);
  const perf_event_attr attr = BookkeepingAttr(options_->target, features_, watermark);
  auto event = Event::Open(attr, pid, cpu, "bookkeeping");
  if (!event) return event.error();
  const auto ring = RingOfCpu(cpu);
  if (!ring) return OpenRing(cpu, std::move(*event));
  const auto sent = event->RedirectTo(bookkeeping_[rings_[*ring].owner]);
  if (!sent) return sent;
  bookkeeping_.push_back(std::move(*event));
  return Ok();
}

Status EventSet::OpenRing(int cpu, Event owner) {
  auto buffer = RingBuffer::Map(owner.fd(), RingBytes());
  if (!buffer) return buffer.error();
  const int fd = owner.fd();
  const auto before = std::ranges::find(rings_, cpu, &CpuRing::cpu);
  if (before == rings_.end()) {
    rings_.push_back(
        {.cpu = cpu, .owner_fd = fd, .buffer = std::move(*buffer), .owner = bookkeeping_.size()});
    bookkeeping_.push_back(std::move(owner));
    return Ok();
  }
  bookkeeping_[before->owner] = std::move(owner);
  before->owner_fd = fd;
  before->buffer.emplace(std::move(*buffer));
  before->counted = 0;
  return Ok();
}

/// Where a BPF program takes the samples, perf's rings carry only what is said of processes.
size_t EventSet::RingBytes() const {
  return options_->back_end == BackEnd::kBpf ? std::min(options_->ring_bytes, kBookkeepingRing)
                                             : options_->ring_bytes;
}

perf_event_attr EventSet::AttrOf(uint32_t session) const {
  const SessionOptions& options = options_->sessions[session];
  return options_->back_end == BackEnd::kBpf ? ProgramAttr(options, options_->target, features_)
                                             : SampleAttr(options, options_->target, features_);
}

Status EventSet::OpenSampled(pid_t pid, uint32_t session, int cpu) {
  const SessionOptions& options = options_->sessions[session];
  if (!options.IsOn(cpu)) return Ok();
  auto event = Event::Open(AttrOf(session), pid, cpu, options.name, GroupOf(session, cpu));
  if (!event) return event.error();
  return Add({.event = std::move(*event), .session = session, .ring = *RingOfCpu(cpu)});
}

Status EventSet::OpenInCgroup(const ScopedCgroup& cgroup, uint32_t session, int cpu) {
  const SessionOptions& options = options_->sessions[session];
  if (!options.IsOn(cpu)) return Ok();
  auto event = Event::OpenInCgroup(AttrOf(session), cgroup.directory.get(), cpu, options.name,
                                   GroupOf(session, cpu));
  if (!event) return event.error();
  return Add(
      {.event = std::move(*event), .session = session, .ring = *RingOfCpu(cpu), .in_cgroup = true});
}

/// Members are opened behind their leader, of the same thread or cgroup.
EventGroup EventSet::GroupOf(uint32_t session, int cpu) const {
  const SessionOptions& options = options_->sessions[session];
  if (!options.leader) return {.leader_fd = -1, .size = options.group_size};
  const auto leader = leader_fds_.find({*options.leader, cpu});
  return {.leader_fd = leader == leader_fds_.end() ? -1 : leader->second,
          .size = options.group_size};
}

Status EventSet::Filter(const Event& event, uint32_t session) const {
  const SessionOptions& options = options_->sessions[session];
  return options.filter.empty() ? Ok() : event.SetFilter(options.filter, options.name);
}

Status EventSet::Add(SampledEvent sampled) {
  const CpuRing& ring = rings_[sampled.ring];
  const Status filtered = Filter(sampled.event, sampled.session);
  if (!filtered) return filtered;
  leader_fds_[{sampled.session, ring.cpu}] = sampled.event.fd();
  const Status sent = sampled.event.RedirectTo(bookkeeping_[ring.owner]);
  if (!sent) return sent;
  const auto is_closed = [](const SampledEvent& each) { return !each.event.IsOpen(); };
  const auto place = closed_ == 0 ? sampled_.end() : std::ranges::find_if(sampled_, is_closed);
  if (place == sampled_.end()) {
    sampled_.push_back(std::move(sampled));
  } else {
    *place = std::move(sampled);
    closed_--;
  }
  return Ok();
}

}  // namespace sonde
