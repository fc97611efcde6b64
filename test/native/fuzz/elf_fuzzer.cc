// A file of a process: its headers, sections, functions by every source, and unwind rows. It is its own debug file, too.
#include "core/symbols/debug_link.h"
#include "core/symbols/elf_headers.h"
#include "core/symbols/elf_sections.h"
#include "core/symbols/image_functions.h"
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

TargetFile Again(const TargetFile& file) {
  return std::move(*TargetFile::FromDescriptor(UniqueFd(dup(file.descriptor()))));
}

void LookUpFunctions(const ImageFiles& files, std::vector<SymbolSource> sources,
                     std::span<const uint64_t> addresses) {
  SymbolOptions options;
  options.sources = std::move(sources);
  const auto functions = ImageFunctions::Read(files, options, kMaxSymbolBytes);
  if (!functions) return;
  for (const auto& source : functions->sources()) {
    Require(source->bytes() <= kMaxSymbolBytes + 1024, "a source takes no more than was granted");
  }
  for (const uint64_t svma : addresses) {
    const auto match = functions->Find(svma);
    if (!match) continue;
    Require(match->offset <= svma, "a function begins before what it covers");
    Require(functions->NameOf(*match, files).size() <= kLongestName + 4, "names are bounded");
  }
}

void LookUpEverySource(const TargetFile& file, std::span<const uint64_t> addresses) {
  const ImageFiles alone{Again(file), {}, {}};
  LookUpFunctions(alone, SymbolOptions().sources, addresses);
  LookUpFunctions(alone, {SymbolSource::kDebugData, SymbolSource::kPlt}, addresses);
  const ImageFiles both{Again(file), Again(file), {}};
  LookUpFunctions(both, {SymbolSource::kDebugFile, SymbolSource::kDynsym}, addresses);
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
    const auto link = ReadDebugLink(file, *sections);
    fuzz::Require(!link || link->name.find('/') == std::string::npos, "a link stays in its place");
    for (const ElfSection& section : *sections) {
      fuzz::Require(section.file_offset <= size && section.size <= size - section.file_offset,
                    "sections lie within the file");
    }
  }
  fuzz::LookUpSymbols(file, addresses);
  fuzz::LookUpEverySource(file, addresses);
  fuzz::LookUpRows(file, kX86_64, addresses);
  fuzz::LookUpRows(file, kAarch64, addresses);
  return 0;
}
