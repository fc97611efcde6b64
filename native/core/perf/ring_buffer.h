#pragma once

#include <linux/perf_event.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "core/base/result.h"

namespace sonde {

/// Reads records from a perf ring that lies at `page` and `data`. Owned and used by one thread.
class RingReader {
 public:
  /// `size`: bytes of data, a power of two.
  RingReader(perf_event_mmap_page* page, const std::byte* data, size_t size)
      : page_(page), data_(data), size_(size) {}

  /// Calls `visit(std::span<const std::byte>)` with each record that is unread now, oldest first, and hands the space
  /// back to the kernel. The span is aligned to 8 bytes and valid only during the call. Returns false when the ring held
  /// something that cannot be a record; everything unread is skipped then.
  template <typename Visit>
  bool Drain(Visit&& visit) {
    return Drain(Head(), visit);
  }
  /// The same up to `head`, which Head() gave.
  template <typename Visit>
  bool Drain(uint64_t head, Visit&& visit);

  /// Where the kernel will write next.
  uint64_t Head() const { return __atomic_load_n(&page_->data_head, __ATOMIC_ACQUIRE); }
  /// Calls `visit(header, bytes)` for each record that has not been scanned, and leaves it in the ring; `bytes()` gives the
  /// record, valid during the call.
  template <typename Visit>
  void Scan(Visit&& visit);

 private:
  /// Space goes back to the kernel in steps, so that it has room again before a long drain is over.
  static constexpr uint64_t kReleaseBytes = 16 * 1024;

  std::span<const std::byte> RecordAt(uint64_t position, size_t size);
  void OverwriteCopy();
  bool HeaderAt(uint64_t position, uint64_t head, perf_event_header& header) const;
  void Release(uint64_t position) {
    __atomic_store_n(&page_->data_tail, position, __ATOMIC_RELEASE);
  }

  perf_event_mmap_page* page_;
  const std::byte* data_;
  size_t size_;
  uint64_t scanned_ = 0;
  /// A record that goes over the ring's end, in one piece. It may hold memory of a process, so it does not stay; the ring
  /// itself cannot be overwritten: the kernel lets nobody write to its data pages (perf_mmap_fault, SIGBUS).
  std::vector<uint64_t> wrapped_;
};

/// The kernel's ring buffer of one perf event, mapped.
class RingBuffer {
 public:
  static Result<RingBuffer> Map(int perf_fd, size_t data_bytes);
  RingBuffer(RingBuffer&& other) noexcept;
  RingBuffer& operator=(RingBuffer&&) = delete;
  ~RingBuffer();

  RingReader& reader() { return reader_; }

 private:
  RingBuffer(void* mapping, size_t mapped_bytes, RingReader reader)
      : mapping_(mapping), mapped_bytes_(mapped_bytes), reader_(std::move(reader)) {}

  void* mapping_;
  size_t mapped_bytes_;
  RingReader reader_;
};

inline bool RingReader::HeaderAt(uint64_t position, uint64_t head,
                                 perf_event_header& header) const {
  // Records are multiples of 8, so a header never goes over the end.
  std::memcpy(&header, data_ + (position & (size_ - 1)), sizeof(header));
  return header.size >= sizeof(header) && header.size % 8 == 0 && header.size <= head - position;
}

template <typename Visit>
bool RingReader::Drain(uint64_t head, Visit&& visit) {
  uint64_t tail = page_->data_tail;
  uint64_t released = tail;
  while (tail != head) {
    perf_event_header header;
    if (!HeaderAt(tail, head, header)) {
      Release(head);
      return false;
    }
    visit(RecordAt(tail, header.size));
    if (!wrapped_.empty()) OverwriteCopy();
    tail += header.size;
    if (tail - released >= kReleaseBytes) {
      Release(tail);
      released = tail;
    }
  }
  Release(tail);
  return true;
}

template <typename Visit>
void RingReader::Scan(Visit&& visit) {
  const uint64_t head = Head();
  const uint64_t tail = page_->data_tail;
  // What was drained without having been scanned.
  if (head - scanned_ > head - tail) scanned_ = tail;
  while (scanned_ != head) {
    perf_event_header header;
    if (!HeaderAt(scanned_, head, header)) {
      scanned_ = head;
      return;
    }
    visit(header, [&] { return RecordAt(scanned_, header.size); });
    scanned_ += header.size;
  }
}

}  // namespace sonde
