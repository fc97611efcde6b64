#pragma once

#include <cstdint>
#include <vector>

#include "core/unwind/file_window.h"
#include "core/unwind/go_header.h"
#include "core/unwind/go_names.h"
#include "core/unwind/go_table.h"

namespace sonde {

/// Makes a GoTable out of a file, which is read once and forwards.
class GoTableBuilder {
 public:
  static Result<GoTable> Build(const TargetFile& file, const std::vector<ElfSection>& sections);

 private:
  /// A function whose name says more of it.
  struct Special {
    size_t function;
    GoRole role;
  };

  GoTableBuilder(const TargetFile& file, const GoHeader& header, GoNames names)
      : file_(file), header_(header), names_(std::move(names)) {}

  Status ReadFunctions();
  Status AddFunction(uint64_t address, FileWindow& records, uint64_t record);
  Status CopyValues();
  void AddSpecials(const std::vector<ElfSection>& sections);
  SvmaRange RangeOf(size_t function) const;
  SvmaRange Deepest(size_t function) const;
  bool IsNewstack(uint64_t svma) const;
  SvmaRange CallOfNewstack(size_t function, const std::vector<ElfSection>& sections) const;

  const TargetFile& file_;
  const GoHeader& header_;
  const GoNames names_;
  std::vector<Special> specials_;
  GoTable table_;
};

}  // namespace sonde
