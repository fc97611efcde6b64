// What the targets of this directory are made of. Each defines LLVMFuzzerTestOneInput and keeps one rule of the readers:
// whatever the bytes are, it comes to an end, within its bounds.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>

#include "core/symbols/target_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace sonde::fuzz {

/// Ends the program where a promise of the code under test does not hold.
inline void Require(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "fuzz: does not hold: %s\n", promise);
  std::abort();
}

/// Takes values from the front of an input. What lies behind its end is 0.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}

  template <typename Value>
  Value Take() {
    Value value = 0;
    const auto bytes = Bytes(sizeof(value));
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  /// Fewer at the end.
  std::span<const uint8_t> Bytes(size_t count) {
    const auto bytes = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(bytes.size());
    return bytes;
  }
  std::span<const uint8_t> Rest() { return Bytes(rest_.size()); }

 private:
  std::span<const uint8_t> rest_;
};

/// A regular file without a name that holds `bytes`. One memory serves all.
inline TargetFile FileOf(std::span<const uint8_t> bytes) {
  static const int memory = memfd_create("fuzz", MFD_CLOEXEC);
  const bool written =
      ftruncate(memory, static_cast<off_t>(bytes.size())) == 0 &&
      pwrite(memory, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
  if (!written) std::abort();
  return std::move(*TargetFile::FromDescriptor(UniqueFd(dup(memory))));
}

}  // namespace sonde::fuzz
