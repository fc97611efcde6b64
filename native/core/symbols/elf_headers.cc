#include "core/symbols/elf_headers.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "core/symbols/elf_sections.h"

namespace sonde {
namespace {

// Real files have a dozen program headers and notes of a few hundred bytes.
constexpr uint16_t kMaxProgramHeaders = 1024;
constexpr uint64_t kMaxNoteBytes = 64 << 10;
constexpr int kMaxNoteSegments = 8;
constexpr uint64_t kMaxDynamicEntries = 4096;
// What the kernel takes for a build id (BUILD_ID_SIZE_MAX), and all that PERF_RECORD_MMAP2 has room for.
constexpr uint32_t kMaxBuildIdBytes = 20;

#if defined(__x86_64__)
constexpr uint16_t kNativeMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr uint16_t kNativeMachine = EM_AARCH64;
#else
#error "which machine number do the ELF files of this architecture carry?"
#endif

/// x32 programs are 32-bit files of a 64-bit machine.
bool IsKnownMachine(uint16_t machine, bool is_64_bit) {
  if (machine == EM_X86_64 || machine == EM_AARCH64) return true;
  return !is_64_bit && (machine == EM_386 || machine == EM_ARM);
}

struct Elf64 {
  using Header = Elf64_Ehdr;
  using Segment = Elf64_Phdr;
  using Section = Elf64_Shdr;
  using Dynamic = Elf64_Dyn;
};
struct Elf32 {
  using Header = Elf32_Ehdr;
  using Segment = Elf32_Phdr;
  using Section = Elf32_Shdr;
  using Dynamic = Elf32_Dyn;
};

Error NotElf(const char* what) { return Error{ENOEXEC, std::string("ELF header: ") + what}; }

/// A structure at `offset`, whole or not at all.
template <typename Value>
std::optional<Value> ReadValue(const TargetFile& file, uint64_t offset) {
  Value value;
  const auto count = file.ReadAt(std::as_writable_bytes(std::span(&value, 1)), offset);
  if (!count || *count != sizeof(Value)) return std::nullopt;
  return value;
}

std::vector<std::byte> ReadNotes(const TargetFile& file, uint64_t offset, uint64_t size) {
  std::vector<std::byte> notes(std::min({size, kMaxNoteBytes, file.size()}));
  const auto count = file.ReadAt(notes, offset);
  notes.resize(count ? *count : 0);
  return notes;
}

template <typename Segment>
Result<std::vector<Segment>> ReadSegments(const TargetFile& file, uint64_t offset, uint16_t count) {
  std::vector<Segment> segments(count);
  const auto bytes = std::as_writable_bytes(std::span(segments));
  const auto read = file.ReadAt(bytes, offset);
  if (!read) return read.error();
  if (*read != bytes.size()) return NotElf("the program headers lie behind the file's end");
  return segments;
}

/// What is started by a loader, is the loader itself, or needs none: libraries need others.
template <typename Elf>
bool IsProgram(const TargetFile& file, const std::vector<typename Elf::Segment>& segments) {
  for (const auto& segment : segments) {
    if (segment.p_type == PT_INTERP) return true;
    if (segment.p_type != PT_DYNAMIC) continue;
    std::vector<typename Elf::Dynamic> entries(
        std::min<uint64_t>(segment.p_filesz / sizeof(typename Elf::Dynamic), kMaxDynamicEntries));
    const auto read = file.ReadAt(std::as_writable_bytes(std::span(entries)), segment.p_offset);
    if (!read) return false;
    entries.resize(*read / sizeof(typename Elf::Dynamic));
    if (std::ranges::any_of(entries, [](const auto& one) { return one.d_tag == DT_NEEDED; })) {
      // PT_INTERP stands before it where there is one.
      return false;
    }
  }
  return true;
}

template <typename Elf>
Result<ElfHeaders> ReadClass(const TargetFile& file) {
  const auto header = ReadValue<typename Elf::Header>(file, 0);
  if (!header) return NotElf("too short");
  const bool is_64_bit = std::is_same_v<Elf, Elf64>;
  if (!IsKnownMachine(header->e_machine, is_64_bit)) return NotElf("made for another machine");
  if (header->e_phnum != 0 && header->e_phentsize != sizeof(typename Elf::Segment)) {
    return NotElf("program headers of an unknown size");
  }
  // PN_XNUM (more headers than the field can say) stands in core files only.
  if (header->e_phnum > kMaxProgramHeaders) return NotElf("too many program headers");
  const auto segments = ReadSegments<typename Elf::Segment>(file, header->e_phoff, header->e_phnum);
  if (!segments) return segments.error();

  ElfHeaders headers;
  headers.is_64_bit = is_64_bit;
  headers.machine = header->e_machine;
  if (header->e_type == ET_EXEC || IsProgram<Elf>(file, *segments)) headers.entry = header->e_entry;
  if (header->e_shentsize == sizeof(typename Elf::Section)) {
    headers.sections = {header->e_shoff, header->e_shnum, header->e_shstrndx};
  }
  int note_segments = 0;
  for (const auto& segment : *segments) {
    if (segment.p_type == PT_LOAD) {
      headers.loads.push_back({segment.p_offset, segment.p_vaddr, segment.p_filesz,
                               (segment.p_flags & PF_X) != 0, segment.p_memsz});
    }
    if (segment.p_type == PT_GNU_EH_FRAME) {
      headers.eh_frame_header = {segment.p_offset, segment.p_vaddr, segment.p_filesz};
    }
    if (segment.p_type == PT_NOTE && note_segments++ < kMaxNoteSegments) {
      const auto notes = ReadNotes(file, segment.p_offset, segment.p_filesz);
      if (headers.build_id.empty()) headers.build_id = BuildIdOfNotes(notes, segment.p_align);
      const auto go_build_id = GoBuildIdOfNotes(notes, segment.p_align);
      headers.is_go = headers.is_go || go_build_id;
      if (go_build_id && headers.go_build_id.empty()) headers.go_build_id = *go_build_id;
    }
  }
  return headers;
}

std::vector<uint8_t> BuildIdOfSection(const TargetFile& file, const ElfHeaders& headers) {
  const auto sections = ReadElfSections(file, headers);
  if (!sections) return {};
  const ElfSection* section = FindSection(*sections, ".note.gnu.build-id");
  if (section == nullptr) return {};
  return BuildIdOfNotes(ReadNotes(file, section->file_offset, section->size), 4);
}

/// `offset` within `segment`, whose start is rounded down by `slack` bytes at most.
bool Covers(const LoadSegment& segment, uint64_t offset, uint64_t slack) {
  return offset + slack >= segment.file_offset &&
         (offset < segment.file_offset || offset - segment.file_offset < segment.file_size);
}

}  // namespace

Result<ElfHeaders> ElfHeaders::Read(const TargetFile& file) {
  const auto ident = ReadValue<std::array<unsigned char, EI_NIDENT>>(file, 0);
  if (!ident || std::memcmp(ident->data(), ELFMAG, SELFMAG) != 0) return NotElf("no ELF file");
  if ((*ident)[EI_DATA] != ELFDATA2LSB) return NotElf("not little-endian");
  switch ((*ident)[EI_CLASS]) {
    case ELFCLASS64: {
      auto headers = ReadClass<Elf64>(file);
      // Go's linker leaves the id out of the segment of notes.
      if (headers && headers->build_id.empty())
        headers->build_id = BuildIdOfSection(file, *headers);
      return headers;
    }
    case ELFCLASS32:
      return ReadClass<Elf32>(file);
    default:
      return NotElf("neither 32 nor 64 bit");
  }
}

bool ElfHeaders::IsNative() const { return is_64_bit && machine == kNativeMachine; }

std::optional<uint64_t> ElfHeaders::SvmaOf(uint64_t file_offset) const {
  static const auto kPage = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const auto stated = [&](const LoadSegment& segment) {
    return segment.svma + (file_offset - segment.file_offset);
  };
  for (const auto& segment : loads) {
    if (segment.executable && Covers(segment, file_offset, 0)) return stated(segment);
  }
  // The page an executable segment begins in also holds the end of the segment before it; a mapping that code runs in
  // begins at that page, for the sake of the executable one.
  for (const auto& segment : loads) {
    const uint64_t slack = segment.file_offset % kPage;
    if (segment.executable && Covers(segment, file_offset, slack)) return stated(segment);
  }
  for (const auto& segment : loads) {
    if (Covers(segment, file_offset, 0)) return stated(segment);
  }
  return std::nullopt;
}

namespace {

/// The first note of that kind that `wanted` accepts; empty where there is none.
template <typename Wanted>
std::span<const std::byte> FindNote(std::span<const std::byte> notes, uint64_t alignment,
                                    std::string_view owner, uint32_t type, Wanted&& wanted) {
  const uint64_t unit = alignment == 8 ? 8 : 4;
  const auto aligned = [unit](uint64_t value) { return (value + unit - 1) & ~(unit - 1); };
  uint64_t at = 0;
  while (at + sizeof(Elf64_Nhdr) <= notes.size()) {
    Elf64_Nhdr note;  // the same three words in both classes
    std::memcpy(&note, notes.data() + at, sizeof(note));
    const uint64_t name = at + sizeof(note);
    const uint64_t content = at + aligned(sizeof(note) + note.n_namesz);
    const uint64_t end = content + note.n_descsz;
    if (name + note.n_namesz > notes.size() || end > notes.size()) break;
    if (note.n_type == type && note.n_namesz == owner.size() &&
        std::memcmp(notes.data() + name, owner.data(), owner.size()) == 0 &&
        wanted(note.n_descsz)) {
      return notes.subspan(content, note.n_descsz);
    }
    at = at + aligned(end - at);
  }
  return {};
}

constexpr uint32_t kGoBuildIdType = 4;
constexpr size_t kMaxGoBuildIdBytes = 256;

}  // namespace

std::vector<uint8_t> BuildIdOfNotes(std::span<const std::byte> notes, uint64_t alignment) {
  constexpr std::string_view kOwner(ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU));
  const auto found = FindNote(notes, alignment, kOwner, NT_GNU_BUILD_ID,
                              [](uint32_t size) { return size > 0 && size <= kMaxBuildIdBytes; });
  const auto* id = reinterpret_cast<const uint8_t*>(found.data());
  return {id, id + found.size()};
}

std::optional<std::string> GoBuildIdOfNotes(std::span<const std::byte> notes, uint64_t alignment) {
  constexpr std::string_view kOwner("Go\0\0", 4);
  const auto note =
      FindNote(notes, alignment, kOwner, kGoBuildIdType, [](uint32_t size) { return size > 0; });
  if (note.empty()) return std::nullopt;
  const std::string_view text(reinterpret_cast<const char*>(note.data()), note.size());
  // Four hashes in base64, 83 characters; what is something else is nobody's id.
  const auto printable = [](unsigned char letter) { return letter > ' ' && letter < 0x7f; };
  const bool is_id = text.size() <= kMaxGoBuildIdBytes && std::ranges::all_of(text, printable);
  return is_id ? std::string(text) : std::string();
}

}  // namespace sonde
