#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/symbols/name_table.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// The files that name an image's functions, open for as long as a request takes.
struct ImageFiles {
  TargetFile image;
  std::optional<TargetFile> debug;  ///< a separate debug file that belongs to it
  /// Why less is known than could be: a debug file of another build. Empty where nothing is to be said.
  std::string note;
};

/// A part of one of them, that names are read from.
struct NameRange {
  enum class File : uint8_t { kImage, kDebug };
  File file = File::kImage;
  NameTable names;
};

/// One table of an image's functions. Immutable, and used by several threads.
class FunctionSource {
 public:
  /// `function` is good for `NameOf`, and equal for equal functions.
  struct Match {
    uint32_t function;
    uint32_t offset;  ///< bytes from its start
  };

  virtual ~FunctionSource() = default;
  /// The function that covers a stated address; none where only its neighbours are known.
  virtual std::optional<Match> Find(uint64_t svma) const = 0;
  /// As the table spells it, bounded. `files`: those that it was read from. Empty where they can no longer be read.
  virtual std::string NameOf(uint32_t function, const ImageFiles& files) const = 0;
  /// Memory that it holds.
  virtual size_t bytes() const = 0;
  /// All of it: two sources of one kind with the same content give the same answers for the same files.
  virtual std::vector<std::span<const std::byte>> Content() const = 0;
  /// What `NameOf` reads from the files.
  virtual std::vector<NameRange> Names() const = 0;
};

}  // namespace sonde
