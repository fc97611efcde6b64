#include "core/symbols/symbol_cache.h"

#include <algorithm>
#include <typeinfo>

#include "core/base/hash.h"
#include "core/base/hash_seed.h"

namespace sonde {
namespace {

/// List node, map nodes and key of one image, roughly.
constexpr size_t kItemBytes = 512;

std::string KeyOfFiles(const ImageFiles& files) {
  return files.image.stamp().Text() + (files.debug ? '+' + files.debug->stamp().Text() : "");
}

uint64_t HashOfFunctions(const FunctionSource& source, uint64_t seed) {
  for (const auto bytes : source.Content()) seed = HashBytes(bytes, seed);
  return seed;
}

bool SameContent(const FunctionSource& a, const FunctionSource& b) {
  const auto same = [](std::span<const std::byte> x, std::span<const std::byte> y) {
    return std::ranges::equal(x, y);
  };
  return typeid(a) == typeid(b) && std::ranges::equal(a.Content(), b.Content(), same);
}

}  // namespace

SymbolCache::SymbolCache(size_t max_bytes, SymbolOptions options)
    : max_bytes_(max_bytes), options_(std::move(options)), seed_(NewHashSeed()) {}

Result<std::shared_ptr<const ImageFunctions>> SymbolCache::FunctionsOf(const ImageFiles& files) {
  const std::string key = KeyOfFiles(files);
  if (auto known = Known(key)) return known;
  // Read without the lock: it may take long, and a thread given up here must not stop the next.
  auto read = ImageFunctions::Read(files, options_, max_bytes_);
  if (!read) return read.error();
  return Keep(key, std::move(*read));
}

size_t SymbolCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::shared_ptr<const ImageFunctions> SymbolCache::Known(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  items_.splice(items_.begin(), items_, found->second);
  return found->second->functions;
}

std::shared_ptr<const ImageFunctions> SymbolCache::Keep(const std::string& key,
                                                        ImageFunctions functions) {
  const std::lock_guard lock(mutex_);
  const auto other = by_key_.find(key);
  if (other != by_key_.end()) return other->second->functions;
  ImageFunctions::Sources sources = functions.sources();
  for (auto& source : sources) source = Share(source);
  functions.Share(std::move(sources));
  auto kept = std::make_shared<const ImageFunctions>(std::move(functions));
  items_.push_front({key, kept});
  by_key_[key] = items_.begin();
  bytes_ += kItemBytes;
  while (bytes_ > max_bytes_ && !items_.empty()) DropLast();
  return kept;
}

/// The one with the same content that is there already, or this one.
std::shared_ptr<const FunctionSource> SymbolCache::Share(
    const std::shared_ptr<const FunctionSource>& source) {
  const uint64_t hash = HashOfFunctions(*source, seed_);
  const auto [first, last] = shared_.equal_range(hash);
  auto found = std::find_if(
      first, last, [&](const auto& entry) { return SameContent(*entry.second.source, *source); });
  if (found == last) {
    found = shared_.emplace(hash, Shared{source});
    bytes_ += source->bytes();
  }
  found->second.items++;
  return found->second.source;
}

void SymbolCache::DropLast() {
  const Item& item = items_.back();
  for (const auto& source : item.functions->sources()) {
    const auto [first, last] = shared_.equal_range(HashOfFunctions(*source, seed_));
    const auto found =
        std::find_if(first, last, [&](const auto& entry) { return entry.second.source == source; });
    if (found == last || --found->second.items > 0) continue;
    bytes_ -= source->bytes();
    shared_.erase(found);
  }
  bytes_ -= kItemBytes;
  by_key_.erase(item.key);
  items_.pop_back();
}

}  // namespace sonde
