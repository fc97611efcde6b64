#include "core/perf/event_opener.h"

#include <sys/resource.h>

#include <algorithm>

#include "core/base/clock.h"
#include "core/perf/cpus.h"
#include "core/perf/record.h"

namespace sonde {
namespace {

constexpr uint64_t kNever = UINT64_MAX;
/// Rounds of reading the thread list; a process that still makes threads after so many makes them faster than we open.
constexpr int kMaxRounds = 32;
constexpr int kMaxForkDepth = 64;
/// Some 3,000 records of processes.
constexpr size_t kBookkeepingRing = 256 * 1024;

bool IsShortage(const Error& error) { return error.code == EMFILE || error.code == ENFILE; }

/// A process may always use as many descriptors as its hard limit says.
void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

EventOpener::EventOpener(const SamplerOptions& options, KernelFeatures features,
                         const EventSet::Collect& collect)
    : options_(options), features_(features), collect_(collect) {}

Result<EventSet> EventOpener::Open() {
  cpus_ = options_.target.cpus;
  const bool whole_cpus = options_.target.kind == TargetOptions::Kind::kCpus;
  if (!whole_cpus) {
    auto online = OnlineCpus();
    if (!online) return online.error();
    cpus_ = std::move(*online);
  }
  ring_of_.resize(cpus_.size());
  leader_fds_.assign(options_.sessions.size() * cpus_.size(), -1);
  RaiseDescriptorLimit();
  const Status opened = whole_cpus ? OpenCpus() : OpenThreads();
  if (!opened) return Explain(opened.error());
  return std::move(set_);
}

Status EventOpener::OpenCpus() {
  Error offline{ENODEV, "perf_event_open: no CPU given"};
  for (uint32_t index = 0; index < cpus_.size(); index++) {
    const Status opened = OpenBookkeeping(-1, index);
    if (!opened && opened.error().code == ENODEV) {
      offline = opened.error();
      continue;
    }
    if (!opened) return opened;
    for (uint32_t session = 0; session < options_.sessions.size(); session++) {
      auto sampled = OpenOne(-1, session, index);
      if (!sampled) return sampled;
    }
  }
  if (set_.rings_.empty()) return Error{ENODEV, offline.what + ": the CPU is offline"};
  return Ok();
}

Result<std::vector<pid_t>> EventOpener::ThreadsOf(const TargetOptions& target) const {
  if (target.kind != TargetOptions::Kind::kProcesses) return target.ids;
  std::vector<pid_t> threads;
  for (const pid_t pid : target.ids) {
    const auto own = proc_.Threads(pid);
    threads.insert(threads.end(), own.begin(), own.end());
  }
  if (threads.empty()) return Error{ESRCH, "reading the threads of the process"};
  return threads;
}

Status EventOpener::OpenThreads() {
  std::unordered_set<pid_t> seen;
  for (int round = 0; round < kMaxRounds; round++) {
    const auto threads = ThreadsOf(options_.target);
    if (!threads && set_.rings_.empty()) return threads.error();
    if (!threads) break;
    CollectForks();
    bool grew = false;
    for (const pid_t tid : *threads) {
      if (!seen.insert(tid).second) continue;
      grew = true;
      threads_wanted_ = seen.size();
      const auto opened = OpenThread(tid);
      if (!opened) return opened.error();
    }
    if (!grew) break;
  }
  if (set_.rings_.empty()) return Error{ESRCH, "perf_event_open: the target has exited"};
  return Ok();
}

Result<EventOpener::Opened> EventOpener::OpenThread(pid_t tid) {
  Times times = TimesOf(static_cast<uint32_t>(tid), 0);
  for (uint32_t index = 0; index < cpus_.size(); index++) {
    const Status opened = OpenBookkeeping(tid, index);
    if (!opened && opened.error().code == ESRCH) return Opened::kThreadGone;
    if (!opened) return opened.error();
  }
  set_.thread_fds_.push_back(set_.bookkeeping_.back().fd());
  size_t event = 0;
  for (uint32_t session = 0; session < options_.sessions.size(); session++) {
    for (uint32_t index = 0; index < cpus_.size(); index++, event++) {
      if (times[event] != kNever) continue;
      const Status opened = OpenOne(tid, session, index);
      if (!opened && opened.error().code == ESRCH) return Opened::kThreadGone;
      if (!opened) return opened.error();
      times[event] = MonotonicNow();
    }
  }
  opened_[static_cast<uint32_t>(tid)] = std::move(times);
  return Opened::kYes;
}

EventOpener::Times EventOpener::TimesOf(uint32_t tid, int depth) const {
  const auto known = opened_.find(tid);
  if (known != opened_.end()) return known->second;
  Times none(options_.sessions.size() * cpus_.size(), kNever);
  const auto fork = forks_.find(tid);
  if (!options_.target.inherit || fork == forks_.end() || depth > kMaxForkDepth) return none;
  Times times = TimesOf(fork->second.parent, depth + 1);
  for (uint64_t& time : times) {
    if (time >= fork->second.time) time = kNever;
  }
  return times;
}

Status EventOpener::OpenBookkeeping(pid_t pid, uint32_t cpu_index) {
  const auto watermark = static_cast<uint32_t>(RingBytes() / 2);
  const perf_event_attr attr = BookkeepingAttr(options_.target, features_, watermark);
  auto event = Event::Open(attr, pid, cpus_[cpu_index], "bookkeeping");
  if (!event) return event.error();
  if (ring_of_[cpu_index]) {
    const auto sent = event->RedirectTo(set_.bookkeeping_[owners_[*ring_of_[cpu_index]]]);
    if (!sent) return sent;
    set_.bookkeeping_.push_back(std::move(*event));
    return Ok();
  }
  auto ring = RingBuffer::Map(event->fd(), RingBytes());
  if (!ring) return ring.error();
  ring_of_[cpu_index] = static_cast<uint32_t>(set_.rings_.size());
  owners_.push_back(set_.bookkeeping_.size());
  set_.rings_.push_back(
      {.cpu = cpus_[cpu_index], .owner_fd = event->fd(), .buffer = std::move(*ring)});
  set_.bookkeeping_.push_back(std::move(*event));
  return Ok();
}

/// Where a BPF program takes the samples, perf's rings carry only what is said of processes.
size_t EventOpener::RingBytes() const {
  return options_.back_end == BackEnd::kBpf ? std::min(options_.ring_bytes, kBookkeepingRing)
                                            : options_.ring_bytes;
}

Status EventOpener::OpenOne(pid_t pid, uint32_t session, uint32_t cpu_index) {
  const SessionOptions& options = options_.sessions[session];
  if (!options.IsOn(cpus_[cpu_index])) return Ok();
  const perf_event_attr attr = options_.back_end == BackEnd::kBpf
                                   ? ProgramAttr(options, options_.target, features_)
                                   : SampleAttr(options, options_.target, features_);
  const auto fd_of = [&](uint32_t place) -> int& {
    return leader_fds_[place * cpus_.size() + cpu_index];
  };
  const EventGroup group = {.leader_fd = options.leader ? fd_of(*options.leader) : -1,
                            .size = options.group_size};
  auto event = Event::Open(attr, pid, cpus_[cpu_index], options.name, group);
  if (!event) return event.error();
  fd_of(session) = event->fd();
  if (!options.filter.empty()) {
    const Status filtered = event->SetFilter(options.filter, options.name);
    if (!filtered) return filtered;
  }
  const uint32_t ring = *ring_of_[cpu_index];
  auto sent = event->RedirectTo(set_.bookkeeping_[owners_[ring]]);
  if (!sent) return sent;
  set_.sampled_.push_back({.event = std::move(*event), .session = session, .ring = ring});
  return Ok();
}

void EventOpener::CollectForks() {
  for (size_t ring = 0; ring < set_.rings_.size(); ring++) {
    set_.rings_[ring].buffer.reader().Drain([&](std::span<const std::byte> bytes) {
      const Record record = ParseRecord(bytes);
      const auto* task = std::get_if<TaskRecord>(&record.body);
      if (task != nullptr && !task->exit) forks_[task->tid] = {task->parent_tid, record.time};
      collect_(ring, bytes);
    });
  }
}

Error EventOpener::Explain(Error error) const {
  if (!IsShortage(error)) return error;
  const size_t threads = std::max<size_t>(threads_wanted_, 1);
  const size_t needed = threads * cpus_.size() * (options_.sessions.size() + 1);
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  error.what += ": " + std::to_string(needed) + " events are needed so far, RLIMIT_NOFILE is " +
                std::to_string(limit.rlim_cur);
  return error;
}

}  // namespace sonde
