#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/perf/address_space.h"
#include "core/perf/proc_reader.h"
#include "core/perf/process_record.h"

namespace sonde {

/// Numbers for the texts of one window; 0 is ''.
class StringTable {
 public:
  StringTable() { Add(""); }
  uint32_t Add(const std::string& text);
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::unordered_map<std::string, uint32_t> numbers_;
  std::vector<std::string> texts_;
};

struct Process {
  uint32_t pid = 0;
  AddressSpace space;
  std::unordered_set<uint32_t> threads;
  /// /proc was read then: records that are older say nothing new.
  uint64_t as_of = 0;
  bool gone = false;
};

/// The processes that live now, and what they were in the window that is being closed. Records are applied in order of
/// time; texts are numbers of the current window's StringTable.
class ProcessTable {
 public:
  struct Thread {
    uint32_t pid = 0;
    std::string comm;
    bool gone = false;
    /// Whether it lived when the window began, and its name then.
    bool from_start = false;
    uint32_t comm_at_start = 0;
    struct Change {
      uint64_t time;
      uint32_t comm;
    };
    std::vector<Change> changes;
  };

  /// Takes over what /proc says. A process that is known already keeps what it has, and gets what is new.
  void AddScanned(const ScannedProcess& scanned);
  /// Forgets processes that are not among `pids`, after records were lost.
  void KeepOnly(const std::unordered_set<uint32_t>& pids);

  /// Starts a window: names get numbers of `strings`, which must outlive it.
  void BeginWindow(StringTable& strings);
  /// False when the record told nothing, because /proc was read after it.
  bool Apply(const ProcessRecord& record);
  /// Forgets what is gone and what was.
  void EndWindow();

  /// nullptr where unknown.
  Process* Find(uint32_t pid);
  /// The thread's name at `time`: a number of the window's StringTable.
  uint32_t CommAt(uint32_t pid, uint32_t tid, uint64_t time) const;

  /// The mapping that an applied MMAP record made.
  AddressSpace::Mapped* last_mapped() const { return last_mapped_; }
  const std::unordered_map<uint32_t, Process>& processes() const { return processes_; }
  std::unordered_map<uint32_t, Process>& processes() { return processes_; }
  const Thread* FindThread(uint32_t tid) const;
  ImageRegistry& images() { return images_; }

 private:
  Process& Ensure(uint32_t pid);
  Thread& EnsureThread(Process& process, uint32_t tid);
  void Rename(Thread& thread, const std::string& comm, uint64_t time);
  void ApplyComm(const ProcessRecord& record, Process& process);
  void ApplyMmap(const ProcessRecord& record, Process& process);
  void ApplyFork(const ProcessRecord& record, Process& process);
  void ApplyExit(const ProcessRecord& record, Process& process);
  void KeepOneThread(Process& process, uint32_t tid);
  MappedRange RangeOf(const ScannedMapping& mapping);

  ImageRegistry images_;
  std::unordered_map<uint32_t, Process> processes_;
  std::unordered_map<uint32_t, Thread> threads_;
  StringTable* strings_ = nullptr;
  AddressSpace::Mapped* last_mapped_ = nullptr;
};

}  // namespace sonde
