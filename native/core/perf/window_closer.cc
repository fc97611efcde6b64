#include "core/perf/window_closer.h"

#include <algorithm>

#include "core/base/clock.h"
#include "core/perf/mapping_table.h"
#include "core/perf/process_events.h"
#include "core/perf/sample_columns.h"
#include "core/perf/stack_resolver.h"
#include "core/perf/window_writer.h"

namespace sonde {
namespace {

/// As long as new processes appear; more rounds than this find only the newest.
constexpr int kScanRounds = 4;

/// A time at or before everything that the window holds.
uint64_t FirstTimeOf(Window& window, const std::vector<OrderedSamples>& samples, uint64_t start) {
  for (const OrderedSamples& session : samples) {
    if (!session.rows.empty()) start = std::min(start, session.rows.front().time);
  }
  for (const ProcessRecord& record : window.records()) start = std::min(start, record.time);
  return start;
}

}  // namespace

WindowCloser::WindowCloser(const std::vector<SessionOptions>& sessions, const TargetOptions& target)
    : sessions_(sessions), target_(target) {}

std::unordered_set<uint32_t> WindowCloser::WantedProcesses() const {
  std::vector<pid_t> found;
  switch (target_.kind) {
    case TargetOptions::Kind::kCpus:
      found = proc_.Processes();
      break;
    case TargetOptions::Kind::kThreads:
      for (const pid_t tid : target_.ids) {
        if (const auto pid = proc_.ProcessOf(tid)) found.push_back(*pid);
      }
      break;
    case TargetOptions::Kind::kProcesses:
    case TargetOptions::Kind::kCommand:
      found = target_.ids;
      break;
  }
  return {found.begin(), found.end()};
}

void WindowCloser::Scan(const std::unordered_set<uint32_t>& pids,
                        const std::function<void(const ScannedProcess&)>& show) {
  for (const uint32_t pid : pids) {
    auto process = proc_.Process(static_cast<pid_t>(pid));
    if (!process) continue;
    // What waits for its exec is still a copy of the agent.
    if (target_.kind == TargetOptions::Kind::kCommand && !started_) process->mappings.clear();
    processes_.AddScanned(*process);
    if (show) show(*process);
  }
}

void WindowCloser::ReadProcesses(const std::function<void(const ScannedProcess&)>& show) {
  if (target_.kind == TargetOptions::Kind::kCpus) {
    processes_.AddScanned({.pid = 0, .threads = {{.tid = 0, .comm = "swapper"}}});
  }
  // A process that was made while others were read: its FORK is in the rings, but what it copied was read later.
  std::unordered_set<uint32_t> seen;
  for (int round = 0; round < kScanRounds; round++) {
    std::unordered_set<uint32_t> added;
    for (const uint32_t pid : WantedProcesses()) {
      if (seen.insert(pid).second) added.insert(pid);
    }
    if (added.empty()) break;
    Scan(added, show);
  }
  started_ = true;
}

/// Records were lost, so what is known may be out of date: what is missing is added, what is gone goes.
void WindowCloser::ReadProcessesAgain() {
  std::unordered_set<uint32_t> pids = WantedProcesses();
  for (const auto& [pid, process] : processes_.processes()) {
    if (target_.kind != TargetOptions::Kind::kCpus) pids.insert(pid);
  }
  Scan(pids);
  if (target_.kind != TargetOptions::Kind::kCpus) return;
  pids.insert(0);
  processes_.KeepOnly(pids);
}

/// Those that samples name; without a path where it cannot be found out any more.
CgroupPaths WindowCloser::CgroupsOf(const std::vector<OrderedSamples>& samples) {
  std::unordered_set<uint64_t> ids;
  for (const OrderedSamples& session : samples) {
    for (const SampleRow& row : session.rows) {
      if (row.cgroup != 0) ids.insert(row.cgroup);
    }
  }
  CgroupPaths paths;
  if (cgroups_ != nullptr) paths = cgroups_->PathsOf(ids);
  for (const uint64_t id : ids) paths.try_emplace(id);
  return paths;
}

std::vector<std::byte> WindowCloser::Close(Window& window, const WindowTimes& times) {
  StringTable strings;
  MappingTable mappings;
  FunctionTable functions;
  FrameTable frames;
  StackTable stacks;
  processes_.BeginWindow(strings);
  std::vector<OrderedSamples> samples = OrderSamples(window.samples(), sessions_.size());

  ProcessEvents events(processes_, mappings, strings);
  events.AddSnapshot(FirstTimeOf(window, samples, times.start));
  events.Replay(window.records());
  if (window.dropped_records() > 0) ReadProcessesAgain();

  StackResolver resolver(window.stacks(), {window.unwind_names(), window.functions()},
                         {processes_, mappings, strings, functions, frames, stacks});
  for (size_t session = 0; session < sessions_.size(); session++) {
    for (SampleRow& row : samples[session].rows) {
      row.stack = resolver.Resolve(row.stack, row.time, sessions_[session].max_stack);
    }
  }
  const std::vector<uint32_t> sampled = MappingsIn(frames);
  const ImageSet nameless = ImagesWithoutBuildId(mappings, sampled);
  ReadHeadersOf(mappings, sampled, images_);
  // The snapshot of this window says it; those who read an earlier one have been told of a file without a build id.
  if (times.sequence > 0) events.TellAgain(nameless);

  const CgroupPaths cgroups = CgroupsOf(samples);
  const WindowTables tables{.times = times,
                            .snapshot_length = events.snapshot_length(),
                            .strings = strings,
                            .mappings = mappings,
                            .functions = functions,
                            .frames = frames,
                            .stacks = stacks,
                            .events = events.rows(),
                            .kernel_symbols = window.kernel_symbols(),
                            .knows_kernel_symbols = window.knows_kernel_symbols(),
                            .cgroups = cgroups};
  WindowWriter writer(tables);
  for (size_t session = 0; session < sessions_.size(); session++) {
    writer.AddSession({.id = sessions_[session].id,
                       .thread_names = sessions_[session].thread_names,
                       .samples = samples[session],
                       .losses = window.losses()[session],
                       .left_out = window.left_out()[session],
                       .notices = window.notices()[session]});
  }
  std::vector<std::byte> bytes = writer.Write(processes_);
  processes_.EndWindow();
  if (cgroups_ != nullptr) cgroups_->EndWindow();
  return bytes;
}

}  // namespace sonde
