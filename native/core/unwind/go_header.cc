#include "core/unwind/go_header.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sonde {
namespace {

/// Kubernetes' kubelet has about 100,000.
constexpr uint64_t kMaxGoFunctions = 1 << 20;
/// Of a table in a file, most of which is passed over. Programs of 130 MB have one of 40 MB.
constexpr uint64_t kMaxGoTableBytes = 512 << 20;
/// The head with its eight numbers.
constexpr size_t kGoHeadBytes = 72;
/// Of what looks like a head in a section of other data.
constexpr unsigned kMaxGoHeads = 1000;

Error NoGoTable(const char* what) { return Error{ENOEXEC, std::string(".gopclntab: ") + what}; }

/// Magic, two zeros, quantum, size of a pointer.
std::optional<GoTableLayout> LayoutOf(std::span<const uint8_t> head) {
  uint32_t magic;
  std::memcpy(&magic, head.data(), sizeof(magic));
  if (head[4] != 0 || head[5] != 0 || (head[6] != 1 && head[6] != 4) || head[7] != 8) return {};
  switch (magic) {
    case 0xfffffffb:
      return GoTableLayout::kGo12;
    case 0xfffffffa:
      return GoTableLayout::kGo116;
    case 0xfffffff0:
      return GoTableLayout::kGo118;
    case 0xfffffff1:
      return GoTableLayout::kGo120;
    default:
      return {};
  }
}

/// Nothing where a part does not begin within the table.
std::optional<FileRange> PartOf(FileRange table, uint64_t begin, uint64_t end) {
  if (begin > end || end > table.size) return {};
  return FileRange{table.offset + begin, end - begin};
}

using GoHead = std::array<uint64_t, kGoHeadBytes / 8>;

/// Fills in where the parts lie. `head`: the table's first bytes, as numbers. False where they cannot lie there.
bool Locate(GoHeader& header, const GoHead& head, FileRange table) {
  if (header.layout == GoTableLayout::kGo12) {
    header.names = header.pc_values = header.records = table;
    header.index = 16;
    return true;
  }
  // Functions, files, and from 1.18 on the text; then names, units, files, values, functions.
  const size_t first = header.relative() ? 4 : 3;
  const auto names = PartOf(table, head[first], head[first + 1]);
  const auto values = PartOf(table, head[first + 3], head[first + 4]);
  const auto records = PartOf(table, head[first + 4], table.size);
  if (!names || !values || !records) return false;
  header.names = *names;
  header.pc_values = *values;
  header.records = *records;
  if (header.relative()) header.text_svma = head[3];
  return true;
}

Result<GoHeader> ReadGoHeader(const TargetFile& file, FileRange table, uint64_t svma) {
  GoHead head = {};
  const auto read = file.ReadAt(std::as_writable_bytes(std::span(head)), table.offset);
  if (!read) return read.error();
  if (*read < kGoHeadBytes || table.size < kGoHeadBytes) return NoGoTable("cut");
  const auto* bytes = reinterpret_cast<const uint8_t*>(head.data());
  const auto layout = LayoutOf({bytes, kGoHeadBytes});
  if (!layout) return NoGoTable("no known table of a 64-bit machine");
  GoHeader header{.layout = *layout, .quantum = bytes[6], .svma = svma};
  if (table.size > kMaxGoTableBytes || head[1] > kMaxGoFunctions) {
    return Error{E2BIG, ".gopclntab: too large"};
  }
  header.functions = static_cast<uint32_t>(head[1]);
  const bool located = Locate(header, head, table);
  const uint64_t index_bytes = (2 * head[1] + 1) * header.word();
  if (!located || head[1] == 0 || header.index > header.records.size ||
      index_bytes > header.records.size - header.index) {
    return NoGoTable("a part lies outside");
  }
  return header;
}

/// Looks for a head at each address that may have one.
Result<GoHeader> SearchGoHeader(const TargetFile& file, const ElfSection& section) {
  FileWindow window(file, {section.file_offset, std::min(section.size, kMaxGoTableBytes)});
  unsigned heads = 0;
  for (uint64_t at = -section.svma & 7; heads < kMaxGoHeads; at += 8) {
    const auto bytes = window.From(at, 8);
    if (bytes.size() < 8) break;
    if (bytes[3] != 0xff || !LayoutOf(bytes)) continue;
    heads++;
    auto found =
        ReadGoHeader(file, {section.file_offset + at, section.size - at}, section.svma + at);
    if (found) return found;
  }
  return Error{ENOENT, "no .gopclntab"};
}

}  // namespace

Result<GoHeader> GoHeader::Find(const TargetFile& file, const std::vector<ElfSection>& sections) {
  for (const char* name : {".gopclntab", ".data.rel.ro.gopclntab"}) {
    const ElfSection* section = FindSection(sections, name);
    if (section == nullptr || section->compressed) continue;
    return ReadGoHeader(file, {section->file_offset, section->size}, section->svma);
  }
  const ElfSection* section = FindSection(sections, ".data.rel.ro");
  if (section == nullptr || FindSection(sections, ".go.buildinfo") == nullptr) {
    return Error{ENOENT, "no .gopclntab"};
  }
  return SearchGoHeader(file, *section);
}

}  // namespace sonde
