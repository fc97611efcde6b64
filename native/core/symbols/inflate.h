#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/target_file.h"

namespace sonde {

/// The content of a section, inflated where it is compressed: SHF_COMPRESSED with zlib or zstd (gABI, "Section
/// Compression"), or the older .zdebug_ sections (`ZLIB`, and the size as a big-endian number). Errors: E2BIG where it has
/// more than `max_bytes` or its decoder wants more than 32 MiB, ENOEXEC where it is damaged, ENOTSUP for another method.
Result<std::vector<std::byte>> ReadSection(const TargetFile& file, const ElfSection& section,
                                           bool is_64_bit, size_t max_bytes);

/// A file without a name, in memory, with the content of the .xz stream that the section is. Errors as above; E2BIG also
/// where its decoder wants more than 40 MiB.
Result<TargetFile> UnpackXz(const TargetFile& file, const ElfSection& section, size_t max_bytes);

/// A file without a name, in memory, that holds `bytes`.
Result<TargetFile> FileInMemory(std::span<const std::byte> bytes);

}  // namespace sonde
