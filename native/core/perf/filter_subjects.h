#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/perf/process_record.h"
#include "core/perf/process_traits.h"
#include "core/perf/process_trees.h"
#include "core/perf/record.h"
#include "core/perf/thread_names.h"

namespace sonde {

/// What rules ask of the processes and threads that are sampled: from /proc when it is first asked for, and from the
/// kernel's records since. Of one that has ended before anybody asked, only what it has from the process that made it is
/// known.
class FilterSubjects {
 public:
  explicit FilterSubjects(std::string proc) : reader_(std::move(proc)) {}

  /// From now on the trees of these processes are asked for. What else is known is asked anew.
  void Watch(std::span<const uint32_t> roots);
  /// FORK, EXIT and COMM, in order of time; the others say nothing here.
  void Apply(const ProcessRecord& record);
  /// Forgets what has exited: its last samples have come.
  void EndWindow();
  /// Records were lost: what followed from them is asked of /proc.
  void Doubt();

  bool IsInTree(uint32_t root, uint32_t pid) const { return trees_.Contains(root, pid); }
  /// False where it is not known.
  bool IsKernelThread(uint32_t pid);
  /// The effective user, as /proc had it at most a second before `time`. A process that has ended keeps its last.
  std::optional<uint32_t> UidOf(uint32_t pid, uint64_t time);
  /// The thread's name when the sample was taken. The view is valid until the next call that is not const.
  std::optional<std::string_view> NameOf(const SampleRecord& sample);
  /// The same of its process, whose first thread's it is.
  std::optional<std::string_view> ProcessNameOf(const SampleRecord& sample);

 private:
  struct Subject {
    std::optional<bool> kernel_thread = {};
    std::optional<uint32_t> uid = {};
    uint64_t uid_read_at = 0;
  };

  std::optional<std::string_view> NameOf(uint32_t pid, uint32_t tid, uint64_t time);
  void OnFork(const ProcessRecord& record);
  void OnComm(const ProcessRecord& record);
  Subject& SubjectOf(uint32_t pid);

  const ProcessTraitsReader reader_;
  ProcessTrees trees_;
  ThreadNames names_;
  std::unordered_map<uint32_t, Subject> subjects_;
  /// Threads that have exited in this window; the first of a process has its number.
  std::unordered_set<uint32_t> exited_;
};

}  // namespace sonde
