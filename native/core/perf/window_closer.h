#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_set>
#include <vector>

#include "core/cgroup/cgroup_tree.h"
#include "core/perf/image_reader.h"
#include "core/perf/process_table.h"
#include "core/perf/sample_columns.h"
#include "core/perf/sampler_options.h"
#include "core/perf/window.h"

namespace sonde {

/// Turns what a window collected into its buffer: orders, resolves, lays out. Keeps what lasts from one window to the
/// next. Used by one thread.
class WindowCloser {
 public:
  WindowCloser(const std::vector<SessionOptions>& sessions, const TargetOptions& target);

  /// Windows say which cgroups of `tree` their samples are of, which must outlive this.
  void TellCgroups(CgroupTree& tree) { cgroups_ = &tree; }
  /// Reads /proc for the processes that are sampled, and shows each. Call it when bookkeeping records already arrive.
  void ReadProcesses(const std::function<void(const ScannedProcess&)>& show = {});
  /// The window buffer (core/perf/window_layout.h).
  std::vector<std::byte> Close(Window& window, const WindowTimes& times);

 private:
  std::unordered_set<uint32_t> WantedProcesses() const;
  void Scan(const std::unordered_set<uint32_t>& pids,
            const std::function<void(const ScannedProcess&)>& show = {});
  void ReadProcessesAgain();
  CgroupPaths CgroupsOf(const std::vector<OrderedSamples>& samples);

  std::vector<SessionOptions> sessions_;
  TargetOptions target_;
  ProcReader proc_;
  /// Whether the processes have been read once.
  bool started_ = false;
  ProcessTable processes_;
  ImageReader images_;
  CgroupTree* cgroups_ = nullptr;
};

}  // namespace sonde
