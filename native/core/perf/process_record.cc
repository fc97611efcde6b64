#include "core/perf/process_record.h"

#include <variant>

namespace sonde {

ProcessRecord ProcessRecordOf(const CommRecord& comm, uint64_t time) {
  return {.kind = ProcessEventKind::kComm,
          .time = time,
          .pid = comm.pid,
          .tid = comm.tid,
          .exec = comm.exec,
          .text = std::string(comm.comm)};
}

ProcessRecord ProcessRecordOf(const MmapRecord& mmap, uint64_t time) {
  ProcessRecord record{.kind = ProcessEventKind::kMmap,
                       .time = time,
                       .pid = mmap.pid,
                       .tid = mmap.tid,
                       .text = std::string(mmap.path),
                       .start = mmap.start,
                       .end = mmap.start + mmap.length,
                       .file_offset = mmap.file_offset,
                       .protection = mmap.protection,
                       .flags = mmap.flags};
  record.file.device = mmap.device;
  record.file.inode = mmap.inode;
  const auto* id = reinterpret_cast<const uint8_t*>(mmap.build_id.data());
  record.file.build_id.assign(id, id + mmap.build_id.size());
  return record;
}

ProcessRecord ProcessRecordOf(const TaskRecord& task, uint64_t time) {
  return {.kind = task.exit ? ProcessEventKind::kExit : ProcessEventKind::kFork,
          .time = time,
          .pid = task.pid,
          .tid = task.tid,
          .parent_pid = task.parent_pid,
          .parent_tid = task.parent_tid};
}

std::optional<ProcessRecord> ProcessRecordOf(const Record& record) {
  if (const auto* comm = std::get_if<CommRecord>(&record.body)) {
    return ProcessRecordOf(*comm, record.time);
  }
  if (const auto* mmap = std::get_if<MmapRecord>(&record.body)) {
    return ProcessRecordOf(*mmap, record.time);
  }
  if (const auto* task = std::get_if<TaskRecord>(&record.body)) {
    return ProcessRecordOf(*task, record.time);
  }
  return std::nullopt;
}

}  // namespace sonde
