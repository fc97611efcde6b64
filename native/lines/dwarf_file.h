#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/result.h"

namespace sonde {

/// The DWARF of an open file. libdw trusts what it reads: only for a process that may die of it.
class DwarfFile {
 public:
  /// Error: why there is nothing to be had from the file.
  static Result<DwarfFile> Open(int fd);

  Dwarf* dwarf() const { return dwarf_.get(); }

  /// Whether code is loaded to this svma. Functions that the linker threw away keep their DWARF, with addresses of 0 and
  /// about, where no code is.
  bool IsCode(uint64_t svma) const;
  /// The lowest svma of code.
  uint64_t first_code() const { return code_.empty() ? 0 : code_.front().start; }
  /// Whether names and types were moved to a file that several share (dwz), which is not read.
  bool has_alternate() const { return has_alternate_; }

 private:
  struct Closer {
    void operator()(Dwarf* dwarf) const { dwarf_end(dwarf); }
  };
  struct Range {
    uint64_t start;
    uint64_t end;
  };

  void ReadCode(Elf* elf);

  std::unique_ptr<Dwarf, Closer> dwarf_;
  std::vector<Range> code_;  ///< ascending
  bool has_alternate_ = false;
};

}  // namespace sonde
