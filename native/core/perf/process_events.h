#pragma once

#include <cstdint>
#include <vector>

#include "core/perf/mapping_table.h"
#include "core/perf/process_record.h"
#include "core/perf/process_table.h"

namespace sonde {

/// A row of the window's process events; `a` and `b` as src/core/window-layout.ts says.
struct ProcessEventRow {
  ProcessEventKind kind = ProcessEventKind::kComm;
  uint8_t flags = 0;
  uint64_t time = 0;
  uint32_t pid = 0;
  uint32_t tid = 0;
  uint32_t a = 0;
  uint32_t b = 0;
};

/// The process events of a window: first the state at its start, then what the kernel reported, which is applied to the
/// process table on the way.
class ProcessEvents {
 public:
  ProcessEvents(ProcessTable& processes, MappingTable& mappings, StringTable& strings)
      : processes_(processes), mappings_(mappings), strings_(strings) {}

  void AddSnapshot(uint64_t time);
  /// Orders the records by time, and applies them.
  void Replay(std::vector<ProcessRecord>& records);

  /// Repeats the mappings of those of `images` that have a build id now, behind the snapshot.
  void TellAgain(const ImageSet& images);

  size_t snapshot_length() const { return snapshot_length_; }
  const std::vector<ProcessEventRow>& rows() const { return rows_; }

 private:
  void AddProcess(Process& process, uint64_t time);
  void AddRecord(const ProcessRecord& record);

  ProcessTable& processes_;
  MappingTable& mappings_;
  StringTable& strings_;
  std::vector<ProcessEventRow> rows_;
  size_t snapshot_length_ = 0;
};

}  // namespace sonde
