#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/cgroup/cgroup_tree.h"
#include "core/perf/filter_subjects.h"
#include "core/perf/process_record.h"
#include "core/perf/record.h"
#include "core/perf/sample_filter.h"
#include "core/perf/window_layout.h"

namespace sonde {

/// Decides which samples are wanted, where the kernel does not: after they were captured, before they are unwound. Used by
/// one thread.
///
/// A fact that is not known of a process makes no rule match that asks for it: of one that has ended before /proc could
/// be asked, and has nothing from the process that made it. A rule that includes leaves such samples out, and they are
/// counted as `filtered`.
class SampleGate {
 public:
  struct Verdict {
    /// Why it is not wanted; nothing: it is.
    std::optional<LeftOutReason> left_out = {};
    /// How many samples it stands for.
    uint32_t factor = 1;
  };

  explicit SampleGate(uint64_t seed, std::string proc = "/proc")
      : subjects_(std::move(proc)), random_(seed) {}

  /// The hierarchy that the samples' cgroups are of, which must outlive this. Without one, rules of cgroups match nothing.
  void TellCgroups(CgroupTree& cgroups) { cgroups_ = &cgroups; }
  /// From now on these rules hold. Reads /proc where they ask for trees, and the cgroups where they ask for some.
  void Set(SampleFilter filter);
  /// Whether everything is wanted: nothing needs to be asked then.
  bool open() const { return filter_.empty(); }

  /// What the kernel reports of processes, in order of time, before the samples that come after it.
  void Apply(const ProcessRecord& record);
  Verdict Decide(const SampleRecord& sample);

  /// All samples up to now have been decided.
  void EndWindow();
  /// Records were lost.
  void Doubt();

 private:
  bool Matches(const FilterRule& rule, const SampleRecord& sample);
  bool IsWanted(const SampleRecord& sample);
  uint32_t OneInOf(const SampleRecord& sample);
  bool IsInCgroup(const FilterRule& rule, uint64_t cgroup) const;
  std::string PathOf(const FilterRule& rule) const;

  SampleFilter filter_;
  std::vector<FilterRule> excluding_;
  std::vector<FilterRule> including_;
  /// The most specific kind first.
  std::vector<FilterRule> thinning_;
  CgroupTree* cgroups_ = nullptr;
  FilterSubjects subjects_;
  SmallRandom random_;
};

}  // namespace sonde
