#include "core/perf/mapping_table.h"

#include <algorithm>
#include <chrono>

namespace sonde {
namespace {

constexpr std::chrono::milliseconds kMaxReading{500};
/// More ways to find a file than this are not tried.
constexpr size_t kMaxPidsPerImage = 4;

}  // namespace

uint32_t MappingTable::RowOf(uint32_t pid, AddressSpace::Mapped& mapped) {
  if (mapped.row == AddressSpace::kNoRow) {
    mapped.row = static_cast<uint32_t>(rows_.size());
    rows_.push_back({pid, mapped.range});
  }
  return mapped.row;
}

uint32_t MappingTable::UnknownRow(uint32_t pid) {
  const auto [entry, added] = unknown_.try_emplace(pid, static_cast<uint32_t>(rows_.size()));
  if (!added) return entry->second;
  if (unknown_image_ == nullptr) {
    unknown_image_ = std::make_shared<Image>();
    unknown_image_->kind = ImageKind::kUnknown;
    unknown_image_->path = "[unknown]";
  }
  rows_.push_back({pid, {.start = 0, .end = UINT64_MAX, .image = unknown_image_}});
  return entry->second;
}

ImageSet ImagesWithoutBuildId(const MappingTable& table, const std::vector<uint32_t>& used) {
  ImageSet images;
  for (const uint32_t row : used) {
    const Image* const image = table.rows()[row].range.image.get();
    if (image->kind == ImageKind::kFile && image->BuildId().empty()) images.insert(image);
  }
  return images;
}

void ReadHeadersOf(const MappingTable& table, const std::vector<uint32_t>& used,
                   ImageReader& reader) {
  std::unordered_map<Image*, size_t> places;
  std::vector<ImagePtr> images;
  std::vector<ImageRequest> requests;
  for (const uint32_t index : used) {
    const MappingRow& row = table.rows()[index];
    if (!row.range.image->WantsHeaders()) continue;
    const auto [place, added] = places.try_emplace(row.range.image.get(), images.size());
    if (added) {
      images.push_back(row.range.image);
      requests.push_back({.path = row.range.image->path, .identity = row.range.image->file});
    }
    auto& pids = requests[place->second].pids;
    if (pids.size() < kMaxPidsPerImage) pids.push_back(static_cast<pid_t>(row.pid));
  }
  const auto results = reader.Read(std::move(requests), kMaxReading);
  for (size_t index = 0; index < images.size(); index++) {
    if (!results[index]) continue;
    images[index]->content_hash = results[index]->content_hash;
    if (results[index]->headers) {
      images[index]->headers = *results[index]->headers;
    } else {
      images[index]->failures++;
    }
  }
}

}  // namespace sonde
