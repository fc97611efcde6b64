#include "core/unwind/unwind_tables.h"

#include <algorithm>

#include "core/symbols/elf_sections.h"
#include "core/unwind/eh_frame_file.h"
#include "core/unwind/frame_pointers.h"

namespace sonde {
namespace {

/// Functions are shorter on average. A file with fewer rows than this has them for its stubs alone, as musl's libc.
constexpr uint64_t kMaxBytesPerFunction = 4096;
/// `_start` is a dozen instructions. The file names its first one only.
constexpr uint64_t kStartBytes = 64;

}  // namespace

Result<UnwindTables> UnwindTables::Read(const TargetFile& file, const Architecture& architecture) {
  auto headers = ElfHeaders::Read(file);
  if (!headers) return headers.error();
  const auto sections = ReadElfSections(file, *headers);
  if (!sections) return sections.error();
  UnwindTables tables(architecture);
  tables.headers_ = std::move(*headers);
  if (!tables.headers_.is_64_bit) return tables;

  auto frames = ReadEhFrame(file, tables.headers_, *sections);
  if (!frames) return frames.error();
  auto debug = ReadDebugFrame(file, *sections);
  if (!debug) return debug.error();
  if (!frames->frames.bytes.empty()) {
    tables.Add(MakeEhFrame(std::move(*frames), architecture));
  }
  if (!debug->bytes.empty()) tables.Add(MakeDebugFrame(std::move(*debug), architecture));
  if (FindSection(*sections, ".gopclntab") != nullptr) {
    auto go = GoTable::Read(file, *sections);
    if (go) tables.go_ = std::move(*go);
  }
  // Code between the rows of a file that has them is of runtimes and assemblers: V8's builtins keep frame pointers.
  tables.keeps_frame_pointers_ = tables.is_go() ||
                                 tables.Functions() * kMaxBytesPerFunction >= tables.CodeBytes() ||
                                 SetsUpFramePointers(file, tables.headers_, architecture);
  return tables;
}

void UnwindTables::Add(Result<std::unique_ptr<RowSource>> source) {
  if (source) {
    sources_.push_back(std::move(*source));
  } else {
    damage_ = source.error();
  }
}

size_t UnwindTables::Functions() const {
  size_t functions = 0;
  for (const auto& source : sources_) functions += source->functions();
  return functions;
}

Result<RowAndRules> UnwindTables::Find(uint64_t svma) const {
  RowAndRules found;
  bool covered = false;
  if (!go_ || !go_->Covers(svma)) {
    for (const auto& source : sources_) {
      auto row = source->Find(svma);
      if (!row && row.error().code == ENOENT) continue;
      if (!row) return row.error();
      found = Compact(std::move(*row), svma, *architecture_);
      covered = true;
      break;
    }
    if (!covered && damage_) return *damage_;
  } else if (const auto bytes = go_->StackBytes(svma)) {
    found.row.cfa_offset = static_cast<int32_t>(*bytes) + 8;
  }
  found.row.entry = IsEntry(svma);
  return found;
}

bool UnwindTables::IsEntry(uint64_t svma) const {
  if (headers_.entry != 0 && svma - headers_.entry < kStartBytes) return true;
  return go_ && std::ranges::any_of(go_->entries(),
                                    [&](const SvmaRange& range) { return range.Contains(svma); });
}

uint64_t UnwindTables::CodeBytes() const {
  uint64_t bytes = 0;
  for (const LoadSegment& segment : headers_.loads) {
    if (segment.executable) bytes += segment.file_size;
  }
  return bytes;
}

size_t UnwindTables::bytes() const {
  size_t bytes = sizeof(*this) + (go_ ? go_->bytes() : 0);
  for (const auto& source : sources_) bytes += source->bytes();
  return bytes;
}

}  // namespace sonde
