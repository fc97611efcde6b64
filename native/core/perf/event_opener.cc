#include "core/perf/event_opener.h"

#include <sys/resource.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "core/base/clock.h"
#include "core/perf/cpus.h"
#include "core/perf/record.h"

namespace sonde {
namespace {

constexpr uint64_t kNever = UINT64_MAX;
/// Rounds of reading the thread list; a process that still makes threads after so many makes them faster than we open.
constexpr int kMaxRounds = 32;
constexpr int kMaxForkDepth = 64;

bool IsShortage(const Error& error) { return error.code == EMFILE || error.code == ENFILE; }

/// A process may always use as many descriptors as its hard limit says.
void RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

EventOpener::EventOpener(const SamplerOptions& options, EventSet set,
                         const EventSet::Collect& collect)
    : options_(options), collect_(collect), set_(std::move(set)) {}

Result<EventSet> EventOpener::Open() {
  RaiseDescriptorLimit();
  const bool whole_cpus = options_.target.kind == TargetOptions::Kind::kCpus;
  const Status opened = whole_cpus ? OpenCpus() : OpenThreads();
  if (!opened) return Explain(opened.error());
  return std::move(set_);
}

Status EventOpener::OpenCpus() {
  const auto online = ReadCpuList(options_.online_cpus);
  std::ranges::copy_if(options_.target.cpus, std::back_inserter(cpus_), [&](int cpu) {
    return !online || std::ranges::find(*online, cpu) != online->end();
  });
  Error offline{ENODEV, "perf_event_open: no CPU given"};
  for (const int cpu : cpus_) {
    const auto opened = set_.OpenCpu(cpu);
    if (opened) continue;
    if (opened.error().code != ENODEV) return opened.error();
    offline = opened.error();
  }
  if (set_.rings_.empty()) return Error{ENODEV, offline.what + ": the CPU is offline"};
  return Ok();
}

/// Those that run, then those that may: the kernel opens a thread's event for a CPU that is offline, too, and it counts when
/// the thread gets there.
Status EventOpener::ChooseCpus() {
  auto online = OnlineCpus();
  if (!online) return online.error();
  cpus_ = std::move(*online);
  online_ = cpus_.size();
  const auto present = PresentCpus();
  if (!present) return Ok();
  const std::set<int> running(cpus_.begin(), cpus_.end());
  std::ranges::copy_if(*present, std::back_inserter(cpus_),
                       [&](int cpu) { return !running.contains(cpu); });
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
  const Status chosen = ChooseCpus();
  if (!chosen) return chosen;
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
  for (size_t index = 0; index < cpus_.size(); index++) {
    const Status opened = set_.OpenBookkeeping(tid, cpus_[index]);
    if (!opened && opened.error().code == ESRCH) return Opened::kThreadGone;
    if (opened) continue;
    if (index < online_ || set_.RingOfCpu(cpus_[index])) return opened.error();
    // Memory that may be locked is for the CPUs that run.
    cpus_.resize(index);
  }
  Times times = TimesOf(static_cast<uint32_t>(tid), 0);
  set_.thread_fds_.push_back(set_.bookkeeping_.back().fd());
  size_t event = 0;
  for (uint32_t session = 0; session < options_.sessions.size(); session++) {
    for (uint32_t index = 0; index < cpus_.size(); index++, event++) {
      if (times[event] != kNever) continue;
      const Status opened = set_.OpenSampled(tid, session, cpus_[index]);
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

void EventOpener::CollectForks() {
  for (size_t ring = 0; ring < set_.rings_.size(); ring++) {
    set_.rings_[ring].buffer->reader().Drain([&](std::span<const std::byte> bytes) {
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
