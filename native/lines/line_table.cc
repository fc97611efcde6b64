#include "lines/line_table.h"

#include <dwarf.h>

#include <cstring>

#include "core/lines/line_protocol.h"

namespace sonde {
namespace {

/// Larger than functions are that the linker throws away.
constexpr uint64_t kLargeFunction = 256 << 10;

}  // namespace

LineTable::LineTable(const DwarfFile& file, Dwarf_Die* unit) : unit_(unit) {
  if (dwarf_getsrcfiles(unit, &files_, &file_count_) != 0) file_count_ = 0;
  Dwarf_Attribute attribute;
  const char* const directory =
      dwarf_formstring(dwarf_attr_integrate(unit, DW_AT_comp_dir, &attribute));
  if (directory != nullptr && directory[0] == '/') {
    directory_.assign(directory, strnlen(directory, kMaxLineText));
  }
  FindForeignRows(file.first_code());
}

/// Rows of a function that was thrown away begin at 0. One that is large enough reaches into the first code of the file,
/// and libdw sorts all rows of a unit by address. It is noticed where no sequence ends below the first code.
void LineTable::FindForeignRows(uint64_t first_code) {
  Dwarf_Lines* lines = nullptr;
  size_t count = 0;
  if (dwarf_getsrclines(unit_, &lines, &count) != 0) return;
  size_t below = 0;
  for (size_t step = count; step > 0; step /= 2) {
    Dwarf_Addr address = 0;
    while (below + step <= count &&
           dwarf_lineaddr(dwarf_onesrcline(lines, below + step - 1), &address) == 0 &&
           address < first_code) {
      below += step;
    }
  }
  bool ended = true;
  if (below > 0) dwarf_lineendsequence(dwarf_onesrcline(lines, below - 1), &ended);
  if (!ended) trusted_from_ = first_code + kLargeFunction;
}

Place LineTable::At(uint64_t svma) const {
  if (svma < trusted_from_) return {};
  Dwarf_Line* const row = dwarf_getsrc_die(unit_, svma);
  if (row == nullptr) return {};
  int line = 0;
  if (dwarf_lineno(row, &line) != 0 || line < 0) return {};
  return {PathOf(dwarf_linesrc(row, nullptr, nullptr)), static_cast<uint32_t>(line)};
}

std::string LineTable::FileOf(uint64_t number) const {
  if (number >= file_count_) return {};
  return PathOf(dwarf_filesrc(files_, number, nullptr, nullptr));
}

std::string LineTable::PathOf(const char* path) const {
  if (path == nullptr) return {};
  const std::string text(path, strnlen(path, kMaxLineText));
  if (text.starts_with('/') || directory_.empty()) return text;
  return directory_ + (directory_.ends_with('/') ? "" : "/") + text;
}

}  // namespace sonde
