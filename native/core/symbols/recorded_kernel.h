#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/symbols/kernel_symbols.h"

namespace sonde {

/// A module as it was loaded when the recording was made.
struct RecordedModule {
  std::string name;
  std::string path = {};  ///< of its file; empty where it is not said
  uint64_t start = 0;
  uint64_t size = 0;
  std::vector<uint8_t> build_id = {};
};

/// What a recording says of its kernel. Zeros and empty where it says nothing.
struct RecordedKernel {
  std::vector<uint8_t> build_id = {};
  std::string release = {};
  uint64_t text = 0;  ///< address of _text
  /// Of its map: _etext, _edata, the first module or the last address, by the version of perf.
  uint64_t text_end = 0;
  std::vector<RecordedModule> modules = {};

  /// nullptr where none lay there.
  const RecordedModule* ModuleAt(uint64_t avma) const;
  /// For messages: `6.1.0-13-amd64 (build id abcd…)`.
  std::string Text() const;
};

/// What its layout says of a list of symbols that has no build id.
enum class LayoutVerdict { kSame, kUnknown, kOther };
LayoutVerdict CompareLayout(const RecordedKernel& kernel, const KernelMarks& marks);

}  // namespace sonde
