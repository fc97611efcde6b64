#include "core/symbols/content_hash.h"

#include <sha2.h>

#include <algorithm>
#include <span>
#include <vector>

namespace sonde {
namespace {

constexpr uint64_t kPartBytes = 4096;

class Sha256 {
 public:
  Sha256() { SHA256Init(&context_); }
  void Add(std::span<const std::byte> bytes) {
    SHA256Update(&context_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  std::array<uint8_t, SHA256_DIGEST_LENGTH> Finish() {
    std::array<uint8_t, SHA256_DIGEST_LENGTH> digest;
    SHA256Final(digest.data(), &context_);
    return digest;
  }

 private:
  SHA2_CTX context_;
};

}  // namespace

Result<ContentHash> ContentHashOf(const TargetFile& file) {
  const uint64_t size = file.size();
  std::vector<std::byte> part(std::min(size, kPartBytes));
  Sha256 sha;
  for (const uint64_t offset : {uint64_t{0}, size - part.size()}) {
    const auto read = file.ReadAt(part, offset);
    if (!read) return read.error();
    if (*read != part.size()) return Error{EIO, "the file became shorter while it was read"};
    sha.Add(part);
  }
  std::array<std::byte, 8> length;
  for (size_t i = 0; i < length.size(); i++) length[i] = std::byte(size >> (56 - 8 * i) & 0xff);
  sha.Add(length);
  const auto digest = sha.Finish();
  ContentHash hash;
  std::copy_n(digest.begin(), hash.size(), hash.begin());
  return hash;
}

}  // namespace sonde
