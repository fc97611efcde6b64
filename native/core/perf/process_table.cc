#include "core/perf/process_table.h"

#include <algorithm>

namespace sonde {

uint32_t StringTable::Add(const std::string& text) {
  const auto [entry, added] = numbers_.try_emplace(text, static_cast<uint32_t>(texts_.size()));
  if (added) texts_.push_back(text);
  return entry->second;
}

// --- from /proc ----------------------------------------------------------------------------------

MappedRange ProcessTable::RangeOf(const ScannedMapping& mapping) {
  return {.start = mapping.start,
          .end = mapping.end,
          .file_offset = mapping.file_offset,
          .protection = mapping.protection,
          .flags = mapping.flags,
          .image = images_.Intern(mapping.path, mapping.file)};
}

void ProcessTable::AddScanned(const ScannedProcess& scanned) {
  Process& process = Ensure(scanned.pid);
  process.as_of = std::max(process.as_of, scanned.as_of);
  for (const ScannedMapping& mapping : scanned.mappings) process.space.Supplement(RangeOf(mapping));
  for (const ScannedThread& scanned_thread : scanned.threads) {
    Thread& thread = EnsureThread(process, scanned_thread.tid);
    if (thread.comm != scanned_thread.comm) Rename(thread, scanned_thread.comm, scanned.as_of);
  }
}

void ProcessTable::KeepOnly(const std::unordered_set<uint32_t>& pids) {
  for (auto& [pid, process] : processes_) {
    if (pids.contains(pid)) continue;
    process.gone = true;
    for (const uint32_t tid : process.threads) threads_[tid].gone = true;
  }
}

// --- a window ------------------------------------------------------------------------------------

void ProcessTable::BeginWindow(StringTable& strings) {
  strings_ = &strings;
  for (auto& [tid, thread] : threads_) {
    thread.from_start = true;
    thread.comm_at_start = strings.Add(thread.comm);
  }
}

void ProcessTable::EndWindow() {
  strings_ = nullptr;
  last_mapped_ = nullptr;
  std::erase_if(processes_, [](const auto& entry) { return entry.second.gone; });
  for (auto& [pid, process] : processes_) process.space.EndWindow();
  std::erase_if(threads_, [](const auto& entry) { return entry.second.gone; });
  for (auto& [tid, thread] : threads_) thread.changes.clear();
}

bool ProcessTable::Apply(const ProcessRecord& record) {
  Process& process = Ensure(record.pid);
  if (record.time < process.as_of) return false;
  switch (record.kind) {
    case ProcessEventKind::kComm:
      ApplyComm(record, process);
      break;
    case ProcessEventKind::kMmap:
      ApplyMmap(record, process);
      break;
    case ProcessEventKind::kFork:
      ApplyFork(record, process);
      break;
    case ProcessEventKind::kExit:
      ApplyExit(record, process);
      break;
  }
  return true;
}

void ProcessTable::ApplyComm(const ProcessRecord& record, Process& process) {
  if (record.exec) {
    // exec ends the other threads, and the one that called it takes the first one's number.
    KeepOneThread(process, record.tid);
    process.space.Clear(record.time);
  }
  Rename(EnsureThread(process, record.tid), record.text, record.time);
}

void ProcessTable::ApplyMmap(const ProcessRecord& record, Process& process) {
  last_mapped_ = nullptr;
  if (record.end <= record.start) return;
  MappedRange range{.start = record.start,
                    .end = record.end,
                    .file_offset = record.file_offset,
                    .protection = record.protection,
                    .flags = record.flags,
                    .image = images_.Intern(record.text, record.file)};
  last_mapped_ = &process.space.Map(std::move(range), record.time);
}

void ProcessTable::ApplyFork(const ProcessRecord& record, Process& process) {
  const bool new_process = record.pid != record.parent_pid;
  if (new_process) {
    // Nothing should be left of an older process of that number; if its exit was lost, it ends here.
    KeepOneThread(process, record.tid);
    process.space.Clear(record.time);
    const auto parent = processes_.find(record.parent_pid);
    if (parent != processes_.end()) process.space.CopyFrom(parent->second.space);
  }
  const Thread* parent = FindThread(record.parent_tid);
  const std::string comm = parent == nullptr ? "" : parent->comm;
  Rename(EnsureThread(process, record.tid), comm, record.time);
}

void ProcessTable::ApplyExit(const ProcessRecord& record, Process& process) {
  process.threads.erase(record.tid);
  const auto thread = threads_.find(record.tid);
  if (thread != threads_.end()) thread->second.gone = true;
  if (!process.threads.empty()) return;
  process.gone = true;
  process.space.Clear(record.time);
}

// --- look-ups ------------------------------------------------------------------------------------

Process* ProcessTable::Find(uint32_t pid) {
  const auto found = processes_.find(pid);
  return found == processes_.end() ? nullptr : &found->second;
}

const ProcessTable::Thread* ProcessTable::FindThread(uint32_t tid) const {
  const auto found = threads_.find(tid);
  return found == threads_.end() ? nullptr : &found->second;
}

uint32_t ProcessTable::CommAt(uint32_t pid, uint32_t tid, uint64_t time) const {
  const Thread* thread = FindThread(tid);
  // A thread nobody reported goes by its process.
  if (thread == nullptr) return tid == pid ? 0 : CommAt(pid, pid, time);
  const auto& changes = thread->changes;
  auto after = std::upper_bound(
      changes.begin(), changes.end(), time,
      [](uint64_t wanted, const Thread::Change& change) { return wanted < change.time; });
  if (after != changes.begin()) return std::prev(after)->comm;
  if (thread->from_start || changes.empty()) return thread->comm_at_start;
  return changes.front().comm;
}

Process& ProcessTable::Ensure(uint32_t pid) {
  Process& process = processes_[pid];
  process.pid = pid;
  return process;
}

ProcessTable::Thread& ProcessTable::EnsureThread(Process& process, uint32_t tid) {
  process.gone = false;
  process.threads.insert(tid);
  Thread& thread = threads_[tid];
  thread.pid = process.pid;
  thread.gone = false;
  return thread;
}

void ProcessTable::KeepOneThread(Process& process, uint32_t tid) {
  for (const uint32_t other : process.threads) {
    if (other != tid) threads_[other].gone = true;
  }
  process.threads = {tid};
}

void ProcessTable::Rename(Thread& thread, const std::string& comm, uint64_t time) {
  thread.comm = comm;
  if (strings_ == nullptr) return;
  const uint32_t number = strings_->Add(comm);
  thread.changes.push_back({time, number});
}

}  // namespace sonde
