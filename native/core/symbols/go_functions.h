#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/function_source.h"
#include "core/symbols/name_table.h"

namespace sonde {

/// The functions of a Go program's own table, .gopclntab, which stripping leaves: 8 bytes each. Names stay in the file.
/// Each function ends where the next begins.
class GoFunctions : public FunctionSource {
 public:
  /// Reads the tables that GoHeader knows. Errors: ENOENT where there is none, ENOEXEC where it is damaged, E2BIG.
  static Result<GoFunctions> Read(const TargetFile& file, const std::vector<ElfSection>& sections,
                                  size_t max_bytes);

  std::optional<Match> Find(uint64_t svma) const override;
  std::string NameOf(uint32_t function, const ImageFiles& files) const override;
  size_t bytes() const override;
  std::vector<std::span<const std::byte>> Content() const override;
  std::vector<NameRange> Names() const override { return {{NameRange::File::kImage, names_}}; }

 private:
  GoFunctions() = default;
  class Reader;

  uint64_t base_ = 0;
  NameTable names_;
  /// From `base_`, ascending, and the end of the last.
  std::vector<uint32_t> starts_;
  /// Of each function's name, among the names.
  std::vector<uint32_t> name_offsets_;
};

}  // namespace sonde
