#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sonde {

/// What identifies the running kernel and its code. 0 and '' where hidden or unreadable.
struct KernelFacts {
  uint64_t text = 0;      ///< _text
  uint64_t text_end = 0;  ///< _etext
  std::string build_id;   ///< hexadecimal
};

/// Reads /proc/kallsyms only as far as needed, and /sys/kernel/notes.
KernelFacts ReadKernelFacts();

/// The GNU build id in a notes section, in hexadecimal; '' where there is none.
std::string BuildIdOfNotes(std::string_view notes);

}  // namespace sonde
