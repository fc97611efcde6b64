// Go's function table, and all that finds it and what its addresses count from.
//
// Input: number of sections, and of each: number of its name, u64 svma, u32 size; then their bytes, one after another.
#include "core/symbols/go_functions.h"
#include "core/unwind/go_table.h"
#include "fuzz/fuzz_input.h"

namespace sonde::fuzz {
namespace {

constexpr const char* kNames[] = {".gopclntab", ".text",         ".data.rel.ro",
                                  ".go.module", ".go.buildinfo", ".data.rel.ro.gopclntab",
                                  ".noptrdata", ".rela.dyn",     ".data"};

constexpr size_t kMaxNameTable = 1 << 20;
/// Where seeds have their functions.
constexpr uint64_t kTextSvma = 0x401000;

void LookUp(const GoTable& table) {
  std::vector<uint64_t> addresses = {0, UINT64_MAX, table.signal_return().value_or(1)};
  for (const SvmaRange& range : table.entries()) {
    addresses.push_back(range.start);
    addresses.push_back(range.end);
  }
  for (const uint64_t address : addresses) {
    for (uint64_t near = address - 64; near != address + 64; near++) {
      const auto bytes = table.StackBytes(near);
      Require(!bytes || table.Covers(near), "what is known of is covered");
    }
  }
}

void LookUpNames(const GoFunctions& functions, const ImageFiles& files) {
  Require(functions.bytes() <= kMaxNameTable + sizeof(functions), "no more than was granted");
  for (uint64_t svma = kTextSvma; svma < kTextSvma + 512; svma += 16) {
    const auto match = functions.Find(svma);
    if (match)
      Require(functions.NameOf(match->function, files).size() <= 8192, "names are bounded");
  }
}

}  // namespace
}  // namespace sonde::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  using namespace sonde::fuzz;
  Input input(data, size);
  std::vector<ElfSection> sections(input.Take<uint8_t>() % 8);
  for (ElfSection& section : sections) {
    section.name = kNames[input.Take<uint8_t>() % std::size(kNames)];
    section.svma = input.Take<uint64_t>();
    section.size = input.Take<uint32_t>();
  }
  const auto bytes = input.Rest();
  uint64_t offset = 0;
  // As ReadElfSections has it: they lie within the file.
  for (ElfSection& section : sections) {
    section.file_offset = offset;
    section.size = std::min<uint64_t>(section.size, bytes.size() - offset);
    offset += section.size;
  }
  const ImageFiles files{FileOf(bytes), {}, {}};
  const auto table = GoTable::Read(files.image, sections);
  if (table) LookUp(*table);
  const auto functions = GoFunctions::Read(files.image, sections, kMaxNameTable);
  if (functions) LookUpNames(*functions, files);
  return 0;
}
