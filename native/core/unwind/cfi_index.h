#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/unwind/cfi_section.h"

namespace sonde {

/// Where the FDE of a function lies, in the section and, as far as is known before it is read, in the file.
struct CfiPlace {
  uint64_t svma = 0;
  size_t fde = 0;
};

/// Where no table of the file says where its FDEs are: the place of each, in the order of the functions.
class CfiIndex {
 public:
  /// FDEs that cannot be read are left out, and those at address 0: of functions that the linker dropped.
  /// Error: E2BIG for more than 262,144 FDEs.
  static Result<CfiIndex> Build(const CfiSection& section);

  /// The last function that begins at or before `svma`.
  std::optional<CfiPlace> Find(uint64_t svma) const;
  /// Where the first function behind `svma` begins.
  std::optional<uint64_t> NextBehind(uint64_t svma) const;
  size_t functions() const { return places_.size(); }
  size_t capacity() const { return places_.capacity() * sizeof(CfiPlace); }

 private:
  std::vector<CfiPlace>::const_iterator Behind(uint64_t svma) const;

  std::vector<CfiPlace> places_;
};

}  // namespace sonde
