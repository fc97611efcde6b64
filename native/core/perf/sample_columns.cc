#include "core/perf/sample_columns.h"

#include <algorithm>
#include <queue>

namespace sonde {
namespace {

bool Earlier(const SampleRow& left, const SampleRow& right) { return left.time < right.time; }

/// The next row of a ring.
struct Cursor {
  const SampleRow* next;
  const SampleRow* end;
};

struct LaterFirst {
  bool operator()(const Cursor& left, const Cursor& right) const {
    return right.next->time < left.next->time;
  }
};

}  // namespace

std::vector<OrderedSamples> OrderSamples(std::vector<std::vector<SampleRow>>& rings,
                                         size_t sessions) {
  std::vector<OrderedSamples> ordered(sessions);
  std::vector<size_t> counts(sessions);
  std::priority_queue<Cursor, std::vector<Cursor>, LaterFirst> cursors;
  for (auto& ring : rings) {
    // One CPU writes in order, but for what an interrupt writes in the midst of another record.
    if (!std::ranges::is_sorted(ring, Earlier)) std::ranges::stable_sort(ring, Earlier);
    for (const SampleRow& row : ring) counts[row.session]++;
    if (!ring.empty()) cursors.push({ring.data(), ring.data() + ring.size()});
  }
  for (size_t session = 0; session < sessions; session++) {
    ordered[session].rows.reserve(counts[session]);
  }
  while (!cursors.empty()) {
    Cursor cursor = cursors.top();
    cursors.pop();
    // As long as no other ring has an earlier one, without asking the queue.
    const uint64_t until = cursors.empty() ? UINT64_MAX : cursors.top().next->time;
    do {
      ordered[cursor.next->session].rows.push_back(*cursor.next);
    } while (++cursor.next != cursor.end && cursor.next->time <= until);
    if (cursor.next != cursor.end) cursors.push(cursor);
  }
  for (auto& ring : rings) std::vector<SampleRow>().swap(ring);
  return ordered;
}

}  // namespace sonde
