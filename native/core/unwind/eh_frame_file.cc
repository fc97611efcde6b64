#include "core/unwind/eh_frame_file.h"

#include <algorithm>
#include <cstring>

namespace sonde {
namespace {

/// Node.js has 5 MB, Chromium with all its rows 25.
constexpr uint64_t kMaxFrameBytes = 32 << 20;
/// eh_frame_ptr is relative to its own place, in four bytes: what linkers write (DW_EH_PE_pcrel | DW_EH_PE_sdata4).
constexpr uint8_t kRelativeInFour = 0x1b;

Result<SectionBytes> CopyOf(const TargetFile& file, uint64_t svma, uint64_t offset, uint64_t size) {
  if (offset >= file.size()) return SectionBytes{};
  size = std::min(size, file.size() - offset);
  if (size > kMaxFrameBytes) return Error{E2BIG, "unwind rows of more than 32 MiB"};
  SectionBytes section{.svma = svma, .bytes = std::vector<std::byte>(size)};
  const auto read = file.ReadAt(section.bytes, offset);
  if (!read) return read.error();
  section.bytes.resize(*read);
  return section;
}

Result<SectionBytes> CopyOf(const TargetFile& file, const ElfSection* section) {
  if (section == nullptr || section->compressed) return SectionBytes{};
  return CopyOf(file, section->svma, section->file_offset, section->size);
}

/// From where the header points to, to the end of the segment: frames end with a zero length.
Result<SectionBytes> FramesBehind(const TargetFile& file, const ElfHeaders& headers,
                                  const SectionBytes& header) {
  if (header.bytes.size() < 8 || header.bytes[1] != std::byte{kRelativeInFour}) {
    return SectionBytes{};
  }
  int32_t distance;
  std::memcpy(&distance, header.bytes.data() + 4, sizeof(distance));
  const uint64_t svma = header.svma + 4 + static_cast<uint64_t>(int64_t{distance});
  for (const LoadSegment& segment : headers.loads) {
    if (svma - segment.svma >= segment.file_size) continue;
    const uint64_t inside = svma - segment.svma;
    return CopyOf(file, svma, segment.file_offset + inside, segment.file_size - inside);
  }
  return SectionBytes{};
}

}  // namespace

Result<EhFrameSections> ReadEhFrame(const TargetFile& file, const ElfHeaders& headers,
                                    const std::vector<ElfSection>& sections) {
  const EhFrameHeaderSegment& place = headers.eh_frame_header;
  auto header = CopyOf(file, place.svma, place.file_offset, place.size);
  if (!header) return header.error();
  const ElfSection* section = FindSection(sections, ".eh_frame");
  auto frames = section != nullptr ? CopyOf(file, section) : FramesBehind(file, headers, *header);
  if (!frames) return frames.error();
  return EhFrameSections{.header = std::move(*header), .frames = std::move(*frames)};
}

Result<SectionBytes> ReadDebugFrame(const TargetFile& file,
                                    const std::vector<ElfSection>& sections) {
  return CopyOf(file, FindSection(sections, ".debug_frame"));
}

}  // namespace sonde
