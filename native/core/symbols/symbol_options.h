#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sonde {

/// Where the names of an image's functions may come from. The codes are the indices in SYMBOL_SOURCES of
/// src/core/symbol-policy.ts; sources that are missing here are not of images.
enum class SymbolSource : uint8_t {
  kSymtab = 1,     ///< the file's own .symtab
  kDebugFile = 2,  ///< the .symtab of a separate debug file
  kDebugData = 3,  ///< .gnu_debugdata: a compressed .symtab within the file
  kDynsym = 4,     ///< what the file exports
  kGo = 5,         ///< .gopclntab
  kPlt = 6,        ///< stubs, as `name@plt`
};

/// How images are named. docs/decisions/0010-symbol-sources.md
struct SymbolOptions {
  /// In the order of preference. Of the first three, the first that is there is taken, and merged with .dynsym.
  std::vector<SymbolSource> sources = {SymbolSource::kSymtab,    SymbolSource::kDebugFile,
                                       SymbolSource::kDebugData, SymbolSource::kDynsym,
                                       SymbolSource::kGo,        SymbolSource::kPlt};
  /// Looked through for debug files, in the target's root and in the agent's own: DIR/.build-id/xx/yyyy.debug, and
  /// DIR/<the image's directory>/<the name that .gnu_debuglink gives>.
  std::vector<std::string> debug_directories = {"/usr/lib/debug"};

  /// Where files of a recording may be besides, which no process leads to.
  std::string recorded_root = {};
  std::vector<std::string> build_id_caches = {};

  bool Uses(SymbolSource source) const {
    for (const SymbolSource one : sources) {
      if (one == source) return true;
    }
    return false;
  }

  /// The file's own .symtab makes a debug file needless.
  bool PrefersOwnSymbols() const {
    for (const SymbolSource one : sources) {
      if (one == SymbolSource::kSymtab) return true;
      if (one == SymbolSource::kDebugFile) return false;
    }
    return false;
  }
};

}  // namespace sonde
