#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/unwind/row.h"

namespace sonde {

/// The rows that a file's instructions turned out to have, so that each is worked out once. Owned by one thread.
class RowCache {
 public:
  /// A row, or that none can be read.
  struct Known {
    UnwindRow row = {};
    const CfiRow* rules = nullptr;
    bool damaged = false;
  };

  RowCache() : entries_(kFirstEntries) {}

  /// nullptr where it is not known yet. Valid until the next Keep.
  const Known* Find(uint64_t svma) const;
  const Known& Keep(uint64_t svma, RowAndRules row);
  const Known& KeepDamaged(uint64_t svma);

  /// More instructions than this in one file are not sampled again and again: 2 MB, and 6 MB of rules. Start anew.
  bool full() const { return used_ >= kMaxEntries || rules_.size() >= kMaxRules; }
  size_t bytes() const { return entries_.size() * sizeof(Entry) + rules_.size() * kBytesOfRules; }

 private:
  static constexpr size_t kFirstEntries = 64;
  static constexpr size_t kMaxEntries = 1 << 15;
  /// Signal frames, and code of assemblers: a few in a file.
  static constexpr size_t kMaxRules = 2048;
  /// With expressions as long as a row may have them.
  static constexpr size_t kBytesOfRules = sizeof(CfiRow) + 2048;

  struct Entry {
    uint64_t svma = kEmpty;
    Known known = {};
  };
  static constexpr uint64_t kEmpty = UINT64_MAX;

  size_t PlaceOf(uint64_t svma) const;
  const Known& Put(uint64_t svma, const Known& known);
  void Grow();

  std::vector<Entry> entries_;
  size_t used_ = 0;
  std::vector<std::shared_ptr<const CfiRow>> rules_;
};

}  // namespace sonde
