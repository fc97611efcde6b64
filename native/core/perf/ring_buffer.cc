#include "core/perf/ring_buffer.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

namespace sonde {

std::span<const std::byte> RingReader::RecordAt(uint64_t position, size_t size) {
  const size_t offset = position & (size_ - 1);
  if (offset + size <= size_) return {data_ + offset, size};
  wrapped_.resize((size + 7) / 8);
  auto* copy = reinterpret_cast<std::byte*>(wrapped_.data());
  const size_t first = size_ - offset;
  std::memcpy(copy, data_ + offset, first);
  std::memcpy(copy + first, data_, size - first);
  return {copy, size};
}

void RingReader::OverwriteCopy() {
  explicit_bzero(wrapped_.data(), wrapped_.size() * sizeof(uint64_t));
  wrapped_.clear();
}

Result<RingBuffer> RingBuffer::Map(int perf_fd, size_t data_bytes) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (data_bytes < page || (data_bytes & (data_bytes - 1)) != 0) {
    return Error{EINVAL, "mmap(perf ring of " + std::to_string(data_bytes) +
                             " bytes): not a power of two times the page size"};
  }
  const size_t bytes = page + data_bytes;
  // Writable: the kernel overwrites only what it has been told is read.
  void* mapping = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, perf_fd, 0);
  if (mapping == MAP_FAILED) {
    Error error = SystemError("mmap(perf ring of " + std::to_string(data_bytes / 1024) + " KiB)");
    if (error.code == EPERM) {
      error.what += ": more locked memory than RLIMIT_MEMLOCK and kernel.perf_event_mlock_kb allow";
    }
    return error;
  }
  RingReader reader(static_cast<perf_event_mmap_page*>(mapping),
                    static_cast<const std::byte*>(mapping) + page, data_bytes);
  return RingBuffer(mapping, bytes, std::move(reader));
}

RingBuffer::RingBuffer(RingBuffer&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)),
      mapped_bytes_(other.mapped_bytes_),
      reader_(std::move(other.reader_)) {}

RingBuffer::~RingBuffer() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_bytes_);
}

}  // namespace sonde
