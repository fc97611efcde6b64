#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "../base/result.h"
#include "target_file.h"

namespace sonde {

/// A PT_LOAD program header.
struct LoadSegment {
  uint64_t file_offset = 0;
  uint64_t svma = 0;
  uint64_t file_size = 0;
  bool executable = false;
  uint64_t memory_size = 0;  ///< a debug file states it, too, without the bytes
};

/// Where the section headers lie.
struct SectionHeaderTable {
  uint64_t file_offset = 0;
  uint32_t count = 0;  ///< 0 where there are none
  uint32_t names = 0;  ///< number of the section with their names
};

/// The search table of .eh_frame, which the loader of a C++ exception finds without sections (PT_GNU_EH_FRAME).
struct EhFrameHeaderSegment {
  uint64_t file_offset = 0;
  uint64_t svma = 0;
  uint64_t size = 0;  ///< 0 where there is none
};

/// What the program headers and notes of an ELF file say; enough to turn an address of a process into one of the file.
struct ElfHeaders {
  std::vector<LoadSegment> loads;
  std::vector<uint8_t> build_id;  ///< NT_GNU_BUILD_ID, empty where there is none
  bool is_go = false;             ///< linked by Go, which leaves a note
  std::string go_build_id;  ///< what the note says (`go tool buildid`), empty where it is no text
  bool is_64_bit = true;
  uint16_t machine = 0;  ///< EM_*
  SectionHeaderTable sections;
  EhFrameHeaderSegment eh_frame_header;
  uint64_t entry =
      0;  ///< svma of the first instruction, where it is a program; 0 for libraries, whose entry says nothing

  /// Whether this machine runs 64-bit code of it.
  bool IsNative() const;

  /// Reads a bounded part of the file. Error: ENOEXEC where it is not a little-endian ELF file of x86 or ARM: recordings of
  /// either are read on both.
  static Result<ElfHeaders> Read(const TargetFile& file);

  /// The stated address of a file offset, where a segment covers it. Also right for the offset a mapping begins at,
  /// which the loader rounds down to a page: executable segments come first.
  std::optional<uint64_t> SvmaOf(uint64_t file_offset) const;
};

/// The GNU build id among the notes in `notes`, empty where there is none. `alignment`: the segment's p_align.
std::vector<uint8_t> BuildIdOfNotes(std::span<const std::byte> notes, uint64_t alignment);

/// Go's own build id (`.note.go.buildid`) where it is among them; stripping leaves it.
std::optional<std::string> GoBuildIdOfNotes(std::span<const std::byte> notes, uint64_t alignment);

}  // namespace sonde
