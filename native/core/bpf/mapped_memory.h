#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <utility>

#include "core/base/result.h"

namespace sonde {

/// A part of a map's memory, shared with the kernel.
class MappedMemory {
 public:
  struct Place {
    int fd = -1;
    size_t offset = 0;
    size_t bytes = 0;
    /// PROT_*
    int protection = PROT_READ;
  };

  MappedMemory() = default;
  static Result<MappedMemory> Map(Place place) {
    void* at = mmap(nullptr, place.bytes, place.protection, MAP_SHARED, place.fd,
                    static_cast<off_t>(place.offset));
    if (at == MAP_FAILED) return SystemError("mmap(BPF map)");
    return MappedMemory(at, place.bytes);
  }
  MappedMemory(MappedMemory&& other) noexcept
      : at_(std::exchange(other.at_, nullptr)), bytes_(other.bytes_) {}
  MappedMemory& operator=(MappedMemory&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedMemory() {
    if (at_ != nullptr) munmap(at_, bytes_);
  }

  std::byte* data() const { return static_cast<std::byte*>(at_); }
  size_t size() const { return bytes_; }

 private:
  MappedMemory(void* at, size_t bytes) : at_(at), bytes_(bytes) {}

  void* at_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace sonde
