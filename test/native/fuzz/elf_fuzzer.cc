// A file of a process: its headers, sections, symbols and unwind rows.
#include "core/symbols/elf_headers.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/symbol_table.h"
#include "core/unwind/unwind_tables.h"
#include "fuzz/fuzz_input.h"

namespace sonde::fuzz {
namespace {

constexpr size_t kMaxSymbolBytes = 1 << 20;
constexpr size_t kLongestName = 8192;

void LookUpSymbols(const TargetFile& file, std::span<const uint64_t> addresses) {
  const auto symbols = SymbolTable::Read(file, kMaxSymbolBytes);
  if (!symbols) return;
  Require(symbols->bytes() <= kMaxSymbolBytes, "symbols take no more than was granted");
  for (const uint64_t svma : addresses) {
    const auto match = symbols->Find(svma);
    if (!match) continue;
    Require(match->symbol < symbols->size(), "a match is a symbol");
    Require(symbols->NameOf(match->symbol, file).size() <= kLongestName, "names are bounded");
  }
}

void LookUpRows(const TargetFile& file, const Architecture& architecture,
                std::span<const uint64_t> addresses) {
  const auto tables = UnwindTables::Read(file, architecture);
  if (!tables) return;
  for (const uint64_t svma : addresses) {
    const auto found = tables->Find(svma);
    if (!found || found->row.kind != UnwindRow::Kind::kRules) continue;
    Require(found->rules != nullptr, "a row that says 'rules' has them");
  }
}

}  // namespace
}  // namespace sonde::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  const TargetFile file = fuzz::FileOf({data, size});
  const auto headers = ElfHeaders::Read(file);
  if (!headers) return 0;
  std::vector<uint64_t> addresses = {0, 1, headers->entry, UINT64_MAX};
  for (const LoadSegment& segment : headers->loads) {
    for (uint64_t part = 0; part < 16 && addresses.size() < 256; part++) {
      addresses.push_back(segment.svma + segment.file_size / 16 * part + part);
    }
    headers->SvmaOf(segment.file_offset);
  }
  const auto sections = ReadElfSections(file, *headers);
  if (sections) {
    for (const ElfSection& section : *sections) {
      fuzz::Require(section.file_offset <= size && section.size <= size - section.file_offset,
                    "sections lie within the file");
    }
  }
  fuzz::LookUpSymbols(file, addresses);
  fuzz::LookUpRows(file, kX86_64, addresses);
  fuzz::LookUpRows(file, kAarch64, addresses);
  return 0;
}
