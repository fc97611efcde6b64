// Compressed sections and tables, and the code of stubs.
//
// Input: what it is, then its bytes: 0 a section flagged as compressed, 1 an old .zdebug_ section, 2 an .xz stream, 3 stubs of
// x86-64, 4 those of aarch64.
#include "core/symbols/inflate.h"
#include "core/symbols/plt_decoder.h"
#include "fuzz/fuzz_input.h"

namespace sonde::fuzz {
namespace {

constexpr size_t kMaxUnpacked = 1 << 20;

void Unpack(std::span<const uint8_t> bytes, uint8_t kind) {
  const TargetFile file = FileOf(bytes);
  const ElfSection section{.name = kind == 1 ? ".zdebug_info" : ".debug_info",
                           .size = bytes.size(),
                           .compressed = kind == 0};
  if (kind == 2) {
    const auto unpacked = UnpackXz(file, section, kMaxUnpacked);
    Require(!unpacked || unpacked->size() <= kMaxUnpacked, "no more than was granted");
    return;
  }
  for (const bool is_64_bit : {true, false}) {
    const auto content = ReadSection(file, section, is_64_bit, kMaxUnpacked);
    Require(!content || content->size() <= kMaxUnpacked, "no more than was granted");
  }
}

void CheckStubs(const std::vector<PltStub>& stubs, uint64_t start, size_t size) {
  uint64_t end = start;
  for (const PltStub& stub : stubs) {
    Require(stub.svma >= end && stub.size > 0, "stubs ascend and do not overlap");
    end = stub.svma + stub.size;
  }
  Require(end - start <= size, "stubs lie within their section");
}

}  // namespace
}  // namespace sonde::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  using namespace sonde::fuzz;
  constexpr uint64_t kStart = 0x1000;
  Input input(data, size);
  const uint8_t kind = input.Take<uint8_t>() % 5;
  const auto bytes = input.Rest();
  switch (kind) {
    case 3:
      for (const uint32_t unit : {8, 16}) {
        CheckStubs(DecodePltOfX86_64(bytes, kStart, unit), kStart, bytes.size());
      }
      break;
    case 4:
      CheckStubs(DecodePltOfAarch64(bytes, kStart), kStart, bytes.size());
      break;
    default:
      Unpack(bytes, kind);
  }
  return 0;
}
