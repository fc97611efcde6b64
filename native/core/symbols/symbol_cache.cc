#include "core/symbols/symbol_cache.h"

#include <sys/stat.h>

#include "core/symbols/elf_headers.h"

namespace sonde {
namespace {

/// List node, map node and key of one table, roughly.
constexpr size_t kItemBytes = 256;

std::string KeyOf(const TargetFile& file, const ElfHeaders& headers) {
  std::string key;
  const auto add = [&key](uint64_t value) { key += std::to_string(value) + '/'; };
  add(file.size());
  if (!headers.build_id.empty()) {
    key.append(headers.build_id.begin(), headers.build_id.end());
    return key;
  }
  struct stat status = {};
  if (fstat(file.descriptor(), &status) != 0) return {};
  for (const timespec& time : {status.st_mtim, status.st_ctim}) {
    add(static_cast<uint64_t>(time.tv_sec));
    add(static_cast<uint64_t>(time.tv_nsec));
  }
  add(status.st_dev);
  add(status.st_ino);
  return key;
}

}  // namespace

Result<std::shared_ptr<const SymbolTable>> SymbolCache::TableOf(const TargetFile& file) {
  const auto headers = ElfHeaders::Read(file);
  if (!headers) return headers.error();
  const std::string key = KeyOf(file, *headers);
  if (auto known = Known(key)) return known;
  // Read without the lock: it may take long, and a thread given up here must not stop the next.
  auto read = SymbolTable::Read(file, max_bytes_);
  if (!read) return read.error();
  auto table = std::make_shared<const SymbolTable>(std::move(*read));
  if (!key.empty()) Keep(key, table);
  return table;
}

size_t SymbolCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::shared_ptr<const SymbolTable> SymbolCache::Known(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  items_.splice(items_.begin(), items_, found->second);
  return found->second->table;
}

void SymbolCache::Keep(const std::string& key, std::shared_ptr<const SymbolTable> table) {
  const std::lock_guard lock(mutex_);
  if (by_key_.contains(key)) return;
  const size_t bytes = table->bytes() + kItemBytes;
  items_.push_front({key, std::move(table), bytes});
  by_key_[key] = items_.begin();
  bytes_ += bytes;
  while (bytes_ > max_bytes_ && !items_.empty()) {
    bytes_ -= items_.back().bytes;
    by_key_.erase(items_.back().key);
    items_.pop_back();
  }
}

}  // namespace sonde
