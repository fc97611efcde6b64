// Compresses what a test puts into a file.
#pragma once

#include <elf.h>
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdlib>
#include <string>

#include "symbols/elf_builder.h"

namespace sonde {

inline std::string Xz(const std::string& bytes) {
  std::string packed(lzma_stream_buffer_bound(bytes.size()), '\0');
  size_t size = 0;
  if (lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, nullptr,
                              reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(),
                              reinterpret_cast<uint8_t*>(packed.data()), &size,
                              packed.size()) != LZMA_OK) {
    abort();
  }
  packed.resize(size);
  return packed;
}

/// The content of a section flagged as compressed.
inline std::string WithHead(uint32_t method, const std::string& bytes, const std::string& packed) {
  Elf64_Chdr head = {};
  head.ch_type = method;
  head.ch_size = bytes.size();
  head.ch_addralign = 8;
  return elf_builder::BytesOf(head) + packed;
}

inline std::string Zlib(const std::string& bytes) {
  std::string packed(compressBound(bytes.size()), '\0');
  uLongf size = packed.size();
  compress(reinterpret_cast<Bytef*>(packed.data()), &size,
           reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  packed.resize(size);
  return WithHead(ELFCOMPRESS_ZLIB, bytes, packed);
}

inline std::string Zstd(const std::string& bytes) {
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 3));
  return WithHead(2, bytes, packed);
}

}  // namespace sonde
