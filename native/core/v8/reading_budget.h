#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace sonde {

/// CPU time that the questions of each process may take: so much at once, and a share of the time that passes. What a
/// process has taken is remembered whether or not its heap is. From any thread.
class ReadingBudget {
 public:
  struct Limits {
    /// Nanoseconds of CPU time.
    uint64_t at_once = 400'000'000;
    /// One part in so many of the time.
    uint64_t share = 20;
    /// Processes of which is known what they have taken. When there is no room, those that owe the least are forgotten.
    size_t processes = 4096;
  };
  /// A program that a process is.
  struct Process {
    uint32_t pid = 0;
    uint64_t began_at = 0;

    auto operator<=>(const Process&) const = default;
  };

  explicit ReadingBudget(Limits limits) : limits_(limits) {}

  /// `now`: CLOCK_MONOTONIC.
  bool Allows(Process process, uint64_t now);
  void Charge(Process process, uint64_t cpu_time, uint64_t now);
  /// Processes that owe something.
  size_t size();

 private:
  /// What was taken and is not yet made up for by time, at a time.
  struct Debt {
    uint64_t owed = 0;
    uint64_t at = 0;
  };

  uint64_t OwedAt(const Debt& debt, uint64_t now) const;
  void MakeRoom(uint64_t now);

  const Limits limits_;
  std::mutex mutex_;
  std::map<Process, Debt> debts_;
};

}  // namespace sonde
