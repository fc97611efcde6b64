#include "core/v8/lines.h"

namespace sonde {
namespace {

constexpr uint64_t kScriptId = 64;
/// Counting so many takes some 20 µs.
constexpr uint32_t kStep = 16 << 10;
/// Of all sources: 1 GiB of text, or two thousand sources.
constexpr size_t kMaxMarks = 1 << 16;
/// What keeping a source takes beside its marks, in marks.
constexpr size_t kMarksOfSource = 32;

}  // namespace

/// Twice, because the marks of a source grow by doubling.
size_t V8Lines::bytes() const { return marks_ * sizeof(uint32_t) * 2; }

std::optional<uint32_t> V8Lines::EndsBefore(V8Heap& heap, V8Object script, V8Object source,
                                            uint32_t position) {
  const auto id = heap.Field(script, kScriptId);
  if (!id) return std::nullopt;
  if (marks_ + kMarksOfSource + position / kStep > kMaxMarks) {
    counted_.clear();
    marks_ = 0;
  }
  const auto [entry, added] = counted_.try_emplace(script);
  if (added) marks_ += kMarksOfSource;
  Counted& counted = entry->second;
  if (counted.source != source || counted.script_id != *id) {
    counted = {.source = source, .script_id = *id};
  }
  while (counted.ends.size() <= position / kStep) {
    const auto from = static_cast<uint32_t>(counted.ends.size() - 1) * kStep;
    const auto more = heap.LineEndsBetween(source, from, from + kStep);
    if (!more) return std::nullopt;
    counted.ends.push_back(counted.ends.back() + *more);
    marks_++;
  }
  const uint32_t mark = position / kStep;
  const auto rest = heap.LineEndsBetween(source, mark * kStep, position);
  return rest ? std::optional(counted.ends[mark] + *rest) : std::nullopt;
}

}  // namespace sonde
