#include "core/perf/filter_subjects.h"

#include <utility>

namespace sonde {
namespace {

/// Processes of which something is kept; then it is asked anew.
constexpr size_t kMaxSubjects = 1 << 16;
/// Exits in a window that wait to be forgotten.
constexpr size_t kMaxExited = 1 << 16;
/// A process may change its user at any time, and no record says so.
constexpr uint64_t kUidLastsFor = 1'000'000'000;

}  // namespace

void FilterSubjects::Watch(std::span<const uint32_t> roots) {
  subjects_.clear();
  names_.Clear();
  exited_.clear();
  trees_.Watch(roots, roots.empty() ? std::vector<ProcessTraits>{} : reader_.All());
}

void FilterSubjects::Doubt() {
  const std::vector<uint32_t> roots = trees_.roots();
  Watch(roots);
}

// --- records -------------------------------------------------------------------------------------

void FilterSubjects::Apply(const ProcessRecord& record) {
  switch (record.kind) {
    case ProcessEventKind::kFork:
      return OnFork(record);
    case ProcessEventKind::kComm:
      return OnComm(record);
    case ProcessEventKind::kExit:
      if (exited_.size() == kMaxExited) EndWindow();
      exited_.insert(record.tid);
      return;
    case ProcessEventKind::kMmap:
      return;
  }
}

void FilterSubjects::OnFork(const ProcessRecord& record) {
  // Its number may have been another's, which is not to be forgotten with this one in its place.
  exited_.erase(record.tid);
  names_.OnFork(record.parent_tid, record.tid, record.time);
  if (record.pid == record.parent_pid) return;
  trees_.OnFork(record.parent_pid, record.pid);
  subjects_.erase(record.pid);
  const auto parent = subjects_.find(record.parent_pid);
  if (parent == subjects_.end()) return;
  const Subject inherited = parent->second;
  SubjectOf(record.pid) = inherited;
}

void FilterSubjects::OnComm(const ProcessRecord& record) {
  names_.Add(record.tid, record.time, record.text);
  if (!record.exec) return;
  // Where another than the first thread runs the program, that one exits, and hands its number over.
  exited_.erase(record.tid);
  // The program may be another user's, and what runs a program is no thread of the kernel (any more).
  Subject& subject = SubjectOf(record.pid);
  subject.kernel_thread = false;
  subject.uid_read_at = 0;
}

void FilterSubjects::EndWindow() {
  std::unordered_set<uint32_t> lingering;
  for (const uint32_t tid : exited_) {
    names_.Forget(tid);
    // The first thread may end before the others.
    if (trees_.Knows(tid) && reader_.Exists(tid)) {
      lingering.insert(tid);
      continue;
    }
    trees_.Forget(tid);
    subjects_.erase(tid);
  }
  exited_ = std::move(lingering);
}

// --- questions -----------------------------------------------------------------------------------

FilterSubjects::Subject& FilterSubjects::SubjectOf(uint32_t pid) {
  if (subjects_.size() >= kMaxSubjects && !subjects_.contains(pid)) subjects_.clear();
  return subjects_[pid];
}

bool FilterSubjects::IsKernelThread(uint32_t pid) {
  // The idle task of each CPU, which /proc does not show.
  if (pid == 0) return true;
  Subject& subject = SubjectOf(pid);
  if (!subject.kernel_thread) {
    const auto traits = reader_.TraitsOf(pid);
    if (traits) subject.kernel_thread = traits->kernel_thread;
  }
  return subject.kernel_thread.value_or(false);
}

std::optional<uint32_t> FilterSubjects::UidOf(uint32_t pid, uint64_t time) {
  Subject& subject = SubjectOf(pid);
  if (subject.uid_read_at == 0 || time > subject.uid_read_at + kUidLastsFor) {
    subject.uid_read_at = time;
    const auto uid = reader_.EffectiveUidOf(pid);
    if (uid) subject.uid = uid;
  }
  return subject.uid;
}

std::optional<std::string_view> FilterSubjects::NameOf(const SampleRecord& sample) {
  return NameOf(sample.pid, sample.tid, sample.time);
}

std::optional<std::string_view> FilterSubjects::ProcessNameOf(const SampleRecord& sample) {
  return NameOf(sample.pid, sample.pid, sample.time);
}

std::optional<std::string_view> FilterSubjects::NameOf(uint32_t pid, uint32_t tid, uint64_t time) {
  auto name = names_.At(tid, time);
  if (name) return name;
  const auto found = reader_.NameOf(pid, tid);
  if (!found) return std::nullopt;
  names_.Add(tid, 0, *found);
  return names_.At(tid, time);
}

}  // namespace sonde
