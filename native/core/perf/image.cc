#include "core/perf/image.h"

#include <initializer_list>

namespace sonde {
namespace {

/// Names under which the kernel maps memory that no path leads to: shared anonymous memory and memfds.
bool IsMemory(std::string_view path) {
  for (const std::string_view name : {"/memfd:", "/dev/zero", "/SYSV", "/anon_hugepage"}) {
    if (path.starts_with(name)) return true;
  }
  return false;
}

ImageKind KindOf(std::string_view path) {
  if (path == "[vdso]") return ImageKind::kVdso;
  // `//anon`, `[heap]`, `[stack]`, `[anon:…]`, `anon_inode:…` are memory.
  const bool is_path = path.starts_with('/') && !path.starts_with("//");
  return is_path && !IsMemory(path) ? ImageKind::kFile : ImageKind::kAnonymous;
}

std::string KeyOf(std::string_view path, const FileIdentity& file) {
  std::string key(path);
  key.push_back('\0');
  key.append(reinterpret_cast<const char*>(&file.device), sizeof(file.device));
  key.append(reinterpret_cast<const char*>(&file.inode), sizeof(file.inode));
  key.append(file.build_id.begin(), file.build_id.end());
  return key;
}

/// `stated − offset` of the segments in the mapped part of the file, where they agree.
std::optional<uint64_t> SegmentShift(const MappedRange& range) {
  const uint64_t first = range.file_offset;
  const uint64_t last = range.file_offset + (range.end - range.start);
  std::optional<uint64_t> shift;
  for (const bool executable : {true, false}) {
    for (const LoadSegment& segment : range.image->headers->loads) {
      if (segment.executable != executable) continue;
      if (segment.file_offset >= last || segment.file_offset + segment.file_size <= first) continue;
      const uint64_t own = segment.svma - segment.file_offset;
      if (shift && *shift != own) return std::nullopt;
      shift = own;
    }
    // Page rounding lets neighbours reach into a mapping; those that are not code count only where no other does.
    if (shift) return shift;
  }
  return shift;
}

}  // namespace

const std::vector<uint8_t>& Image::BuildId() const {
  return file.build_id.empty() && headers ? headers->build_id : file.build_id;
}

AddressBias BiasOf(const MappedRange& range) {
  const uint64_t by_offset = range.start - range.file_offset;
  switch (range.image->kind) {
    case ImageKind::kFile:
      if (range.image->headers) {
        const auto shift = SegmentShift(range);
        if (shift) return {AddressSpaceKind::kSvma, by_offset - *shift};
      }
      return {AddressSpaceKind::kFileOffset, by_offset};
    case ImageKind::kVdso:
      return {AddressSpaceKind::kSvma, range.start};
    case ImageKind::kAnonymous:
    case ImageKind::kUnknown:
      return {AddressSpaceKind::kAvma, 0};
  }
  return {AddressSpaceKind::kAvma, 0};
}

ImagePtr ImageRegistry::Intern(std::string_view path, const FileIdentity& file) {
  const std::string_view name = path.empty() ? "//anon" : path;
  const ImageKind kind = KindOf(name);
  // Memory has no identity that another process could share in a useful way.
  const FileIdentity identity = kind == ImageKind::kFile ? file : FileIdentity{};
  std::weak_ptr<Image>& entry = images_[KeyOf(name, identity)];
  if (auto known = entry.lock()) return known;
  auto image = std::make_shared<Image>();
  image->kind = kind;
  image->path = name;
  image->file = identity;
  entry = image;
  if (kept_.size() < kKept) kept_.resize(kKept);
  kept_[next_kept_++ % kKept] = image;
  if (images_.size() >= sweep_at_) Sweep();
  return image;
}

void ImageRegistry::Sweep() {
  std::erase_if(images_, [](const auto& entry) { return entry.second.expired(); });
  sweep_at_ = images_.size() * 2 + 4096;
}

}  // namespace sonde
