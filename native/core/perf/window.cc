#include "core/perf/window.h"

#include <algorithm>

namespace sonde {
namespace {

/// Many more than a busy minute has; a process that maps in a loop makes them without end.
constexpr size_t kMaxRecordBytes = 64 << 20;
constexpr size_t kMaxNotices = 1 << 16;

bool HasAddress(std::span<const uint64_t> chain) {
  return std::any_of(chain.begin(), chain.end(),
                     [](uint64_t address) { return !IsMarker(address); });
}

}  // namespace

Window::Window(WindowOptions options, size_t rings, size_t sessions, uint64_t seed)
    : options_(options),
      stacks_(options.max_stack_bytes, seed),
      samples_(rings),
      notices_(sessions),
      losses_(sessions),
      left_out_(sessions) {}

bool Window::AddSample(size_t ring, uint32_t session, const SampleRecord& sample) {
  // Where the kernel walks no chain (a user-mode event that strikes in the kernel), the instruction itself is known.
  const std::array<uint64_t, 2> leaf = {
      static_cast<uint64_t>(sample.user_mode ? PERF_CONTEXT_USER : PERF_CONTEXT_KERNEL), sample.ip};
  return AddChain(ring, session, sample, HasAddress(sample.chain) ? sample.chain : leaf);
}

bool Window::AddChain(size_t ring, uint32_t session, const SampleRecord& sample,
                      std::span<const uint64_t> chain) {
  const auto stack =
      sample_count_ < options_.max_samples ? stacks_.Intern(sample.pid, chain) : std::nullopt;
  if (!stack) {
    AddLoss(session, LossReason::kTableFull, 1);
    return false;
  }
  sample_count_++;
  samples_[ring].push_back({.time = sample.time,
                            .value = sample.period,
                            .pid = sample.pid,
                            .tid = sample.tid,
                            .cpu = sample.cpu,
                            .stack = *stack,
                            .session = session,
                            .cgroup = sample.cgroup});
  return true;
}

void Window::AddRecord(ProcessRecord record) {
  const size_t bytes = sizeof(record) + record.text.size();
  if (record_bytes_ + bytes > kMaxRecordBytes) {
    dropped_records_++;
    return;
  }
  record_bytes_ += bytes;
  records_.push_back(std::move(record));
}

void Window::AddKernelSymbol(KernelSymbolRow symbol) {
  const size_t bytes = sizeof(symbol) + symbol.name.size();
  if (record_bytes_ + bytes > kMaxRecordBytes) {
    dropped_records_++;
    return;
  }
  record_bytes_ += bytes;
  kernel_symbols_.push_back(std::move(symbol));
}

void Window::AddNotice(uint32_t session, NoticeRow notice) {
  if (notices_[session].size() < kMaxNotices) notices_[session].push_back(notice);
}

void Window::AddLoss(uint32_t session, LossReason reason, uint64_t count) {
  losses_[session][static_cast<size_t>(reason)] += count;
}

void Window::AddLeftOut(uint32_t session, LeftOutReason reason, uint64_t count) {
  left_out_[session][static_cast<size_t>(reason)] += count;
}

std::vector<uint64_t> Window::KeepOnly(SampleBounds bounds) {
  std::vector<uint64_t> removed(notices_.size());
  for (std::vector<SampleRow>& rows : samples_) {
    sample_count_ -= std::erase_if(rows, [&](const SampleRow& row) {
      const bool kept = bounds.Contains(row.time);
      if (!kept) removed[row.session]++;
      return !kept;
    });
  }
  for (std::vector<NoticeRow>& notices : notices_) {
    std::erase_if(notices, [&](const NoticeRow& notice) { return !bounds.Contains(notice.time); });
  }
  return removed;
}

void Window::ForgetCounts() {
  std::ranges::fill(losses_, LossCounts{});
  std::ranges::fill(left_out_, LeftOutCounts{});
}

uint64_t Window::FirstTimeOf(uint32_t session) const {
  uint64_t first = UINT64_MAX;
  for (const std::vector<SampleRow>& rows : samples_) {
    for (const SampleRow& row : rows) {
      if (row.session == session) first = std::min(first, row.time);
    }
  }
  return first == UINT64_MAX ? 0 : first;
}

void Window::ReserveLike(const Window& other) {
  for (size_t ring = 0; ring < samples_.size(); ring++) {
    samples_[ring].reserve(other.samples_[ring].size() + other.samples_[ring].size() / 8);
  }
}

}  // namespace sonde
