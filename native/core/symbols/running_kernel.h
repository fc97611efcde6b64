#pragma once

#include <cstdint>
#include <vector>

namespace sonde {

/// What tells this kernel, and this boot of it. Zeros and an empty id where hidden or unreadable.
struct RunningKernel {
  uint64_t text = 0;      ///< address of _text
  uint64_t text_end = 0;  ///< address of _etext
  std::vector<uint8_t> build_id;

  /// Takes well under a millisecond where /proc/iomem may be read (CAP_SYS_ADMIN, x86), otherwise as long as reading
  /// kallsyms up to _etext (about 50 ms).
  static RunningKernel Read();
};

}  // namespace sonde
