#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "core/perf/image.h"

namespace sonde {

/// The executable mappings of one process during one window.
///
/// The kernel reports what is mapped, not what is unmapped: a mapping ends when another one takes its place, or with
/// exec or exit. Each such change that can give an address another meaning begins a new *epoch*; within an epoch an
/// address means one thing. Most processes have one epoch per window.
class AddressSpace {
 public:
  static constexpr uint32_t kNoRow = 0xffffffff;

  /// A mapping while it lasts. `row` is its place in the window's table of mappings, once it has one.
  struct Mapped {
    MappedRange range = {};
    uint32_t first_epoch = 0;
    uint32_t last_epoch = 0;
    uint32_t row = kNoRow;
  };

  /// Maps `range` at `time`; what it overlaps ends there.
  Mapped& Map(MappedRange range, uint64_t time);
  /// Everything ends: exec or exit.
  void Clear(uint64_t time);
  /// What fork does. Must be empty.
  void CopyFrom(const AddressSpace& parent);
  /// Adds a mapping whose record was never seen. Nothing known is changed: false where it overlaps.
  bool Supplement(MappedRange range);

  uint32_t EpochAt(uint64_t time) const;
  uint32_t epochs() const { return static_cast<uint32_t>(boundaries_.size()) + 1; }
  /// The mapping at `address` in `epoch`, or nullptr. Valid until the next change.
  Mapped* Find(uint64_t address, uint32_t epoch);

  /// The mappings of now, by address.
  std::map<uint64_t, Mapped>& live() { return live_; }
  const std::map<uint64_t, Mapped>& live() const { return live_; }

  /// Forgets what has ended: the present becomes the first epoch of the next window.
  void EndWindow();

 private:
  void BeginEpoch(uint64_t time) { boundaries_.push_back(time); }
  void Cut(std::map<uint64_t, Mapped>::iterator overlapped, const MappedRange& by);
  Mapped* FindRetired(uint64_t address, uint32_t epoch);

  std::map<uint64_t, Mapped> live_;
  /// What ended in this window, by last epoch.
  std::vector<Mapped> retired_;
  /// When epochs 1, 2, … began.
  std::vector<uint64_t> boundaries_;
};

}  // namespace sonde
