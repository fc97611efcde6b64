#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/perf/record.h"
#include "core/perf/window_layout.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// A COMM, MMAP, FORK or EXIT of the kernel, kept until its window closes. What does not belong to its kind is 0.
struct ProcessRecord {
  ProcessEventKind kind = ProcessEventKind::kComm;
  uint64_t time = 0;
  uint32_t pid = 0;
  uint32_t tid = 0;
  /// fork, exit
  uint32_t parent_pid = 0;
  uint32_t parent_tid = 0;
  /// comm: because of an exec
  bool exec = false;
  /// comm: the name; mmap: the path
  std::string text = {};
  /// mmap
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t file_offset = 0;
  uint32_t protection = 0;
  uint32_t flags = 0;
  FileIdentity file = {};
};

/// `time`: of the record.
ProcessRecord ProcessRecordOf(const CommRecord& comm, uint64_t time);
ProcessRecord ProcessRecordOf(const MmapRecord& mmap, uint64_t time);
ProcessRecord ProcessRecordOf(const TaskRecord& task, uint64_t time);
/// Nothing for the other kinds.
std::optional<ProcessRecord> ProcessRecordOf(const Record& record);

}  // namespace sonde
