#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/symbols/symbol_table.h"

namespace sonde {

/// The symbol tables of files used lately, bounded by bytes; the one unused for longest goes first. Thread-safe.
class SymbolCache {
 public:
  explicit SymbolCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  /// The file's table, read now where it is not known. Known files are told by build id and size (a stripped file has
  /// the id of the one it was made from), others by device, inode, size and the times of their last change.
  Result<std::shared_ptr<const SymbolTable>> TableOf(const TargetFile& file);

  size_t bytes() const;

 private:
  struct Item {
    std::string key;
    std::shared_ptr<const SymbolTable> table;
    size_t bytes;
  };

  std::shared_ptr<const SymbolTable> Known(const std::string& key);
  void Keep(const std::string& key, std::shared_ptr<const SymbolTable> table);

  const size_t max_bytes_;
  mutable std::mutex mutex_;
  size_t bytes_ = 0;
  std::list<Item> items_;  ///< the one used last comes first
  std::unordered_map<std::string, std::list<Item>::iterator> by_key_;
};

}  // namespace sonde
