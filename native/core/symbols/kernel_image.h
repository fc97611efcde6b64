#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/kernel_symbols.h"
#include "core/symbols/symbol_table.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// A kernel as an ELF file with its symbols (vmlinux, or its debug file), by the addresses that it was linked at. Names are kept:
/// the file is not asked again.
class KernelImage {
 public:
  struct Match {
    uint32_t symbol;
    uint32_t offset;
  };

  /// Errors: ENOEXEC where it is no ELF file that Sonde reads, or has no symbols; E2BIG.
  static Result<KernelImage> Read(const TargetFile& file);

  std::optional<Match> Find(uint64_t svma) const;
  std::string NameOf(const Match& match) const;

  const std::vector<uint8_t>& build_id() const { return build_id_; }
  const KernelMarks& marks() const { return marks_; }
  size_t bytes() const { return table_.bytes(); }

 private:
  KernelImage(SymbolTable table, KernelMarks marks, std::vector<uint8_t> build_id)
      : table_(std::move(table)), marks_(marks), build_id_(std::move(build_id)) {}

  SymbolTable table_;
  KernelMarks marks_;
  std::vector<uint8_t> build_id_;
};

}  // namespace sonde
