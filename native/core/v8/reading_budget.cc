#include "core/v8/reading_budget.h"

#include <algorithm>

namespace sonde {

bool ReadingBudget::Allows(Process process, uint64_t now) {
  const std::lock_guard lock(mutex_);
  const auto debt = debts_.find(process);
  return debt == debts_.end() || OwedAt(debt->second, now) <= limits_.at_once;
}

void ReadingBudget::Charge(Process process, uint64_t cpu_time, uint64_t now) {
  const std::lock_guard lock(mutex_);
  if (!debts_.contains(process) && debts_.size() >= limits_.processes) MakeRoom(now);
  Debt& debt = debts_[process];
  debt = {.owed = OwedAt(debt, now) + cpu_time, .at = now};
}

size_t ReadingBudget::size() {
  const std::lock_guard lock(mutex_);
  return debts_.size();
}

uint64_t ReadingBudget::OwedAt(const Debt& debt, uint64_t now) const {
  const uint64_t made_up = (std::max(now, debt.at) - debt.at) / limits_.share;
  return debt.owed - std::min(debt.owed, made_up);
}

/// Most have ended long ago and owe nothing.
void ReadingBudget::MakeRoom(uint64_t now) {
  std::erase_if(debts_, [&](const auto& entry) { return OwedAt(entry.second, now) == 0; });
  if (debts_.size() < limits_.processes) return;
  const auto least = std::ranges::min_element(
      debts_, {}, [&](const auto& entry) { return OwedAt(entry.second, now); });
  debts_.erase(least);
}

}  // namespace sonde
