#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/cgroup/cgroup_tree.h"
#include "core/perf/mapping_table.h"
#include "core/perf/process_events.h"
#include "core/perf/process_table.h"
#include "core/perf/sample_columns.h"
#include "core/perf/section_buffer.h"
#include "core/perf/stack_table.h"
#include "core/perf/window.h"

namespace sonde {

/// What all sessions of a window share.
struct WindowTables {
  WindowTimes times;
  size_t snapshot_length = 0;
  StringTable& strings;
  const MappingTable& mappings;
  const FunctionTable& functions;
  const FrameTable& frames;
  const StackTable& stacks;
  const std::vector<ProcessEventRow>& events;
  const std::vector<KernelSymbolRow>& kernel_symbols;
  /// Whether `kernel_symbols` are all that there were.
  bool knows_kernel_symbols = false;
  const CgroupPaths& cgroups;
};

/// What is a session's own. Stacks in `samples` are numbers of the StackTable.
struct WindowSession {
  uint32_t id = 0;
  /// SessionOptions::thread_names.
  bool thread_names = true;
  const OrderedSamples& samples;
  const LossCounts& losses;
  const LeftOutCounts& left_out;
  const std::vector<NoticeRow>& notices;
};

/// The mappings that frames lie in.
std::vector<uint32_t> MappingsIn(const FrameTable& frames);

/// Writes a window buffer.
class WindowWriter {
 public:
  explicit WindowWriter(const WindowTables& tables) : tables_(tables) {}

  void AddSession(const WindowSession& session) { sessions_.push_back(session); }
  /// `processes` knows the names of threads.
  std::vector<std::byte> Write(const ProcessTable& processes);

 private:
  WindowTables tables_;
  std::vector<WindowSession> sessions_;
};

}  // namespace sonde
