#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// The functions of a kernel module by their offset from where the kernel put its code. A module is not linked: only its first
/// section of code lies where that begins, and where the others come to lie the file does not say.
class ModuleFunctions {
 public:
  struct Match {
    std::string_view name;
    uint32_t offset;
  };

  /// `file`: a .ko, or its debug file. Errors: ENOEXEC where it is none, or has no symbols; E2BIG.
  static Result<ModuleFunctions> Read(const TargetFile& file);

  /// Valid as long as this object.
  std::optional<Match> Find(uint64_t offset) const;

  size_t bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    uint64_t begin;
    uint64_t end;
    std::string name;
  };
  std::vector<Entry> entries_;  ///< by begin, each once
};

}  // namespace sonde
