#pragma once

#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/perf/address_space.h"
#include "core/perf/image.h"
#include "core/perf/image_reader.h"

namespace sonde {

class ProcessTable;

/// A mapping of one process, as a row of the window's table.
struct MappingRow {
  uint32_t pid = 0;
  MappedRange range = {};
};

/// The mappings that a window speaks of.
class MappingTable {
 public:
  /// The row of a mapping, made at the first call.
  uint32_t RowOf(uint32_t pid, AddressSpace::Mapped& mapped);
  /// The row for addresses of `pid` at which nothing is known to be mapped.
  uint32_t UnknownRow(uint32_t pid);

  const std::vector<MappingRow>& rows() const { return rows_; }

 private:
  std::vector<MappingRow> rows_;
  std::unordered_map<uint32_t, uint32_t> unknown_;
  ImagePtr unknown_image_;
};

using ImageSet = std::unordered_set<const Image*>;
/// Those images of the rows `used` whose build id is not known.
ImageSet ImagesWithoutBuildId(const MappingTable& table, const std::vector<uint32_t>& used);

/// Reads, within a bounded time, the headers of the images that the rows `used` speak of and that are not known yet.
void ReadHeadersOf(const MappingTable& table, const std::vector<uint32_t>& used,
                   ImageReader& reader);

}  // namespace sonde
