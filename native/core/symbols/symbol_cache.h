#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/symbols/image_functions.h"

namespace sonde {

/// The functions of images used lately, bounded by bytes; the one unused for longest goes first. Thread-safe.
///
/// An image is told by the stamps of the files that name it: a build id can be forged. Copies of one file, as containers
/// have them, still share what is the same in each: names are not, they are read from the file that is asked about.
class SymbolCache {
 public:
  SymbolCache(size_t max_bytes, SymbolOptions options);

  /// Read now where they are not known.
  Result<std::shared_ptr<const ImageFunctions>> FunctionsOf(const ImageFiles& files);

  size_t bytes() const;

 private:
  struct Item {
    std::string key;
    std::shared_ptr<const ImageFunctions> functions;
  };
  /// A source, and how many items have it.
  struct Shared {
    std::shared_ptr<const FunctionSource> source;
    size_t items = 0;
  };

  std::shared_ptr<const ImageFunctions> Known(const std::string& key);
  std::shared_ptr<const ImageFunctions> Keep(const std::string& key, ImageFunctions functions);
  std::shared_ptr<const FunctionSource> Share(const std::shared_ptr<const FunctionSource>& source);
  void DropLast();

  const size_t max_bytes_;
  const SymbolOptions options_;
  const uint64_t seed_;
  mutable std::mutex mutex_;
  size_t bytes_ = 0;
  std::list<Item> items_;  ///< the one used last comes first
  std::unordered_map<std::string, std::list<Item>::iterator> by_key_;
  std::unordered_multimap<uint64_t, Shared> shared_;  ///< by a keyed hash of their content
};

}  // namespace sonde
