#include "core/perf/process_events.h"

#include <algorithm>

namespace sonde {
namespace {

constexpr uint8_t kSynthesised = 1;
constexpr uint8_t kExec = 2;

}  // namespace

void ProcessEvents::AddSnapshot(uint64_t time) {
  std::vector<Process*> ordered;
  for (auto& [pid, process] : processes_.processes()) ordered.push_back(&process);
  std::ranges::sort(ordered, {}, &Process::pid);
  for (Process* process : ordered) AddProcess(*process, time);
  snapshot_length_ = rows_.size();
}

void ProcessEvents::TellAgain(const ImageSet& images) {
  std::vector<ProcessEventRow> again;
  for (size_t row = 0; row < snapshot_length_; row++) {
    const ProcessEventRow& event = rows_[row];
    if (event.kind != ProcessEventKind::kMmap) continue;
    const Image* const image = mappings_.rows()[event.a].range.image.get();
    if (images.contains(image) && !image->BuildId().empty()) again.push_back(event);
  }
  rows_.insert(rows_.begin() + static_cast<ptrdiff_t>(snapshot_length_), again.begin(),
               again.end());
}

void ProcessEvents::AddProcess(Process& process, uint64_t time) {
  std::vector<uint32_t> tids(process.threads.begin(), process.threads.end());
  std::ranges::sort(tids);
  for (const uint32_t tid : tids) {
    const ProcessTable::Thread* thread = processes_.FindThread(tid);
    if (thread == nullptr) continue;
    rows_.push_back({.kind = ProcessEventKind::kComm,
                     .flags = kSynthesised,
                     .time = time,
                     .pid = process.pid,
                     .tid = tid,
                     .a = thread->comm_at_start});
  }
  for (auto& [start, mapped] : process.space.live()) {
    rows_.push_back({.kind = ProcessEventKind::kMmap,
                     .flags = kSynthesised,
                     .time = time,
                     .pid = process.pid,
                     .tid = process.pid,
                     .a = mappings_.RowOf(process.pid, mapped)});
  }
}

void ProcessEvents::Replay(std::vector<ProcessRecord>& records) {
  // Each ring is in order; equal times keep the order of one CPU.
  std::ranges::stable_sort(records, {}, &ProcessRecord::time);
  for (const ProcessRecord& record : records) {
    if (processes_.Apply(record)) AddRecord(record);
  }
}

void ProcessEvents::AddRecord(const ProcessRecord& record) {
  ProcessEventRow row{
      .kind = record.kind, .time = record.time, .pid = record.pid, .tid = record.tid};
  switch (record.kind) {
    case ProcessEventKind::kComm:
      row.flags = record.exec ? kExec : 0;
      row.a = strings_.Add(record.text);
      break;
    case ProcessEventKind::kMmap:
      if (processes_.last_mapped() == nullptr) return;
      row.a = mappings_.RowOf(record.pid, *processes_.last_mapped());
      break;
    case ProcessEventKind::kFork:
    case ProcessEventKind::kExit:
      row.a = record.parent_pid;
      row.b = record.parent_tid;
      break;
  }
  rows_.push_back(row);
}

}  // namespace sonde
