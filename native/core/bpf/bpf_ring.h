#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/result.h"
#include "core/base/unique_fd.h"
#include "core/bpf/mapped_memory.h"

namespace sonde {

/// Reads a BPF ring buffer: a consumer's position, a producer's, and data that is mapped twice in a row, so that each
/// record is in one piece (kernel/bpf/ringbuf.c). Its data cannot be overwritten by us: it is left out of core dumps, and
/// of children. Owned and used by one thread.
class BpfRing {
 public:
  /// Makes one of `bytes`, a power of two times the page size.
  static Result<BpfRing> Make(size_t bytes);

  int fd() const { return fd_.get(); }
  size_t size() const { return size_; }

  /// Where the kernel will write next.
  uint64_t Head() const;
  /// Calls `visit(std::span<const std::byte>)` with each whole record before `head`, oldest first, and hands the space
  /// back. The span is aligned to 8 bytes and valid only during the call.
  template <typename Visit>
  void Drain(uint64_t head, Visit&& visit);

 private:
  static constexpr uint32_t kBusy = 1u << 31;
  static constexpr uint32_t kDiscarded = 1u << 30;
  static constexpr uint64_t kHeaderBytes = 8;
  static constexpr uint64_t kReleaseBytes = 64 * 1024;

  BpfRing(UniqueFd fd, MappedMemory consumer, MappedMemory data, size_t size)
      : fd_(std::move(fd)), consumer_(std::move(consumer)), data_(std::move(data)), size_(size) {}

  uint64_t* Tail() const { return reinterpret_cast<uint64_t*>(consumer_.data()); }
  const std::byte* At(uint64_t position) const;
  void Release(uint64_t position) { __atomic_store_n(Tail(), position, __ATOMIC_RELEASE); }

  UniqueFd fd_;
  MappedMemory consumer_;
  /// The producer's page, and the data twice.
  MappedMemory data_;
  size_t size_;
};

template <typename Visit>
void BpfRing::Drain(uint64_t head, Visit&& visit) {
  uint64_t tail = *Tail();
  uint64_t released = tail;
  while (tail < head) {
    const std::byte* record = At(tail);
    const uint32_t length =
        __atomic_load_n(reinterpret_cast<const uint32_t*>(record), __ATOMIC_ACQUIRE);
    // It is being written by an interrupt on another CPU, and comes with the next drain.
    if ((length & kBusy) != 0) break;
    const uint32_t bytes = length & ~kDiscarded;
    if ((length & kDiscarded) == 0) {
      visit(std::span<const std::byte>(record + kHeaderBytes, bytes));
    }
    tail += (bytes + kHeaderBytes + 7) & ~uint64_t{7};
    if (tail - released >= kReleaseBytes) {
      Release(tail);
      released = tail;
    }
  }
  Release(tail);
}

}  // namespace sonde
