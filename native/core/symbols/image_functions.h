#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/elf_headers.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/function_source.h"
#include "core/symbols/symbol_options.h"

namespace sonde {

/// All that is known of an image's functions: its sources in the order of preference. Immutable.
class ImageFunctions {
 public:
  struct Match {
    uint32_t source;
    uint32_t function;
    uint32_t offset;  ///< bytes from the function's start
  };
  using Sources = std::vector<std::shared_ptr<const FunctionSource>>;

  /// Reads what the options ask for; `max_bytes` at most of each source. A source that cannot be read is left out, and
  /// `note` says why. Errors: ENOEXEC where the image is no ELF file of this machine, E2BIG where it has too many symbols.
  static Result<ImageFunctions> Read(const ImageFiles& files, const SymbolOptions& options,
                                     size_t max_bytes);

  /// The first source's answer that has one.
  std::optional<Match> Find(uint64_t svma) const;
  std::string NameOf(const Match& match, const ImageFiles& files) const;

  const Sources& sources() const { return sources_; }
  /// Puts sources with the same content in the place of its own.
  void Share(Sources sources) { sources_ = std::move(sources); }
  const std::string& note() const { return note_; }
  /// A keyed hash of all that answers come from, the names among it. Nobody who chose the content of a file can have chosen
  /// it; it means nothing to another process.
  uint64_t identity() const { return identity_; }

 private:
  class Reader;
  Sources sources_;
  std::string note_;
  uint64_t identity_ = 0;
};

/// Whether the file has a .symtab of its own, which makes a separate one needless.
bool HasSymtab(const std::vector<ElfSection>& sections);

}  // namespace sonde
