#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/perf/window_layout.h"
#include "core/symbols/content_hash.h"
#include "core/symbols/elf_headers.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// What stands behind a mapping: a file, or what takes its place. Equal ones are one object (ImageRegistry).
struct Image {
  ImageKind kind = ImageKind::kUnknown;
  /// As the kernel says it, in the mount namespace of the process.
  std::string path;
  FileIdentity file;

  /// Program headers, once they have been read.
  std::optional<ElfHeaders> headers;
  std::optional<ContentHash> content_hash;
  /// How often reading them failed.
  int failures = 0;

  /// Whether it is worth trying (again).
  bool WantsHeaders() const {
    return kind == ImageKind::kFile && !headers && failures < kMaxAttempts;
  }
  /// The id that the kernel reported or the file holds; empty where neither is known.
  const std::vector<uint8_t>& BuildId() const;

 private:
  /// A process that is gone could not show its file; another one that maps it may.
  static constexpr int kMaxAttempts = 3;
};

using ImagePtr = std::shared_ptr<Image>;

/// One executable mapping.
struct MappedRange {
  uint64_t start = 0;
  uint64_t end = 0;
  uint64_t file_offset = 0;
  uint32_t protection = 0;
  uint32_t flags = 0;
  ImagePtr image = {};
};

/// How addresses of a mapping relate to what its file states: stated = address − bias.
struct AddressBias {
  AddressSpaceKind space = AddressSpaceKind::kFileOffset;
  uint64_t bias = 0;
};

/// By the image's program headers where they are known; otherwise by the file offset.
AddressBias BiasOf(const MappedRange& range);

/// Makes equal images one object. An image lives as long as something maps it, and a while longer.
class ImageRegistry {
 public:
  /// `path` as PERF_RECORD_MMAP2 or /proc/PID/maps has it; '' where the kernel names none.
  ImagePtr Intern(std::string_view path, const FileIdentity& file);

 private:
  /// Programs that are started again and again are read once.
  static constexpr size_t kKept = 512;

  void Sweep();

  std::unordered_map<std::string, std::weak_ptr<Image>> images_;
  std::vector<ImagePtr> kept_;
  size_t next_kept_ = 0;
  size_t sweep_at_ = 4096;
};

}  // namespace sonde
