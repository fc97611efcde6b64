// A perf-map that is read in two portions.
//
// Input: u16 how many bytes are there at first, then the file.
#include "core/symbols/perf_map.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/made_code.h"

namespace sonde::fuzz {
namespace {

constexpr uint64_t kMaxBytes = 1 << 20;
constexpr size_t kMaxFunctions = 1 << 16;

/// The numbers that lines begin with.
std::vector<uint64_t> AddressesIn(std::span<const uint8_t> bytes) {
  std::vector<uint64_t> addresses = {0, 1, UINT64_MAX};
  std::string line;
  for (const uint8_t byte : bytes) {
    if (byte != '\n') {
      if (line.size() < 32) line.push_back(static_cast<char>(byte));
      continue;
    }
    addresses.push_back(std::strtoull(line.c_str(), nullptr, 16));
    line.clear();
  }
  addresses.resize(std::min<size_t>(addresses.size(), 512));
  return addresses;
}

void LookUp(const PerfMap& map, const TargetFile& file, const std::vector<uint64_t>& addresses) {
  Require(map.functions() <= kMaxFunctions, "functions are bounded");
  LookUpCode(map, file, addresses, [&](const MadeCode& code, const std::optional<CodeName>& name) {
    Require(code.place < file.size(), "what is found stands in the file");
    Require(name.has_value(), "a line that was read has a name");
  });
}

}  // namespace
}  // namespace sonde::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  using namespace sonde::fuzz;
  Input input(data, size);
  const size_t first = input.Take<uint16_t>();
  const auto bytes = input.Rest();
  const auto addresses = AddressesIn(bytes);
  PerfMap grown(kMaxFunctions);
  {
    const TargetFile begin = FileOf(bytes.first(std::min(first, bytes.size())));
    Require(grown.Update(begin, kMaxBytes).ok(), "a file that can be read is read");
    LookUp(grown, begin, addresses);
  }
  const TargetFile file = FileOf(bytes);
  Require(grown.Update(file, kMaxBytes).ok(), "a file that can be read is read");
  LookUp(grown, file, addresses);
  PerfMap whole(kMaxFunctions);
  Require(whole.Update(file, kMaxBytes).ok(), "a file that can be read is read");
  for (const uint64_t avma : addresses) {
    Require(whole.Find(avma) == grown.Find(avma), "portions make no difference");
  }
  PerfMap few(3);
  Require(few.Update(file, bytes.size() / 2).ok(), "a file that can be read is read");
  LookUp(few, file, addresses);
  Require(few.functions() <= 3, "functions are bounded");
  return 0;
}
