#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/function_source.h"
#include "core/symbols/name_table.h"

namespace sonde {

/// The stubs through which a 64-bit image calls what other images export, named `name@plt`: 16 bytes each. A stub is
/// named by the relocation of the slot that it jumps through, which the loader itself goes by; what is not one is not named.
class PltFunctions : public FunctionSource {
 public:
  /// Errors: ENOENT where the image has no stubs, E2BIG, and those of reading it.
  static Result<PltFunctions> Read(const TargetFile& file, const std::vector<ElfSection>& sections,
                                   size_t max_bytes);

  std::optional<Match> Find(uint64_t svma) const override;
  std::string NameOf(uint32_t function, const ImageFiles& files) const override;
  size_t bytes() const override;
  std::vector<std::span<const std::byte>> Content() const override;
  std::vector<NameRange> Names() const override { return {{NameRange::File::kImage, names_}}; }

 private:
  PltFunctions() = default;
  class Reader;
  struct Entry {
    uint64_t svma;
    uint32_t size;
    uint32_t name;  ///< in .dynstr
  };

  NameTable names_;
  std::vector<Entry> entries_;
};

}  // namespace sonde
