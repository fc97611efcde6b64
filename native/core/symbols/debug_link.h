#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// What .gnu_debuglink says of the file that holds the debugging information (gdb: "Separate Debug Files").
struct DebugLink {
  std::string name;  ///< a file name without a directory
  uint32_t crc = 0;  ///< CRC-32 of the whole file
};

/// Nothing where the file has none, or it is damaged.
std::optional<DebugLink> ReadDebugLink(const TargetFile& file,
                                       const std::vector<ElfSection>& sections);

/// CRC-32 of whole files, each read once as long as it does not change. Thread-safe.
class FileChecksums {
 public:
  /// Reads the whole file, which takes its time. Error: E2BIG above 4 GiB.
  Result<uint32_t> Of(const TargetFile& file);

 private:
  std::mutex mutex_;
  std::map<FileStamp, uint32_t> known_;
};

}  // namespace sonde
