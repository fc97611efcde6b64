#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>

#include "core/perf/image.h"

namespace sonde {

/// How stacks begin in the C library: it calls main, and the functions of threads, from one place each, and that place is
/// itself called from one place. So a stack that was followed to the call of main has known frames behind it, once any
/// stack with the same library and the same program was followed to its root. Owned by one thread.
class StackRoots {
 public:
  /// A return address as its file states it.
  struct Place {
    ImagePtr image = {};
    uint64_t svma = 0;
  };
  /// What lies behind a place in the C library.
  struct Next {
    /// In the same file.
    uint64_t svma = 0;
    /// Then comes the program's `_start`; otherwise it is the outermost frame.
    bool has_start = false;
  };

  /// The last two or three frames of a stack that was followed to its root, innermost first: start_thread, clone; or
  /// __libc_start_call_main, __libc_start_main, _start. Others teach nothing.
  void Learn(std::span<const Place> outermost);
  /// Nothing where it is not known, or where two answers were seen.
  std::optional<Next> Behind(const Place& place) const;
  /// The frame of `_start` in a program.
  std::optional<uint64_t> StartOf(const ImagePtr& program) const;

 private:
  struct Known {
    Next next;
    bool ambiguous = false;
  };
  /// Of libraries and programs that were ever seen.
  static constexpr size_t kMaxImages = 1024;
  static constexpr size_t kMaxPlaces = 16;

  std::unordered_map<ImagePtr, std::unordered_map<uint64_t, Known>> behind_;
  std::unordered_map<ImagePtr, uint64_t> starts_;
};

}  // namespace sonde
