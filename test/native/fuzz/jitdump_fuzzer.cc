// A jitdump that is read in portions of bytes and of time.
//
// Input: u16 how many bytes are there at first, u64 the end of the first window, then the file.
#include "core/symbols/jitdump.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/made_code.h"

namespace sonde::fuzz {
namespace {

constexpr uint64_t kMaxBytes = 4 << 20;
constexpr size_t kMaxFunctions = 1 << 16;
constexpr uint64_t kLastWindow = uint64_t{1} << 62;

/// Whatever may be an address.
std::vector<uint64_t> AddressesIn(std::span<const uint8_t> bytes) {
  std::vector<uint64_t> addresses = {0, UINT64_MAX};
  for (size_t at = 0; at + 8 <= bytes.size() && addresses.size() < 2048; at++) {
    uint64_t number = 0;
    std::memcpy(&number, bytes.data() + at, sizeof(number));
    if (number < uint64_t{1} << 57) addresses.push_back(number);
  }
  return addresses;
}

void LookUp(const Jitdump& dump, const TargetFile& file, const std::vector<uint64_t>& addresses) {
  Require(dump.functions() <= kMaxFunctions, "functions are bounded");
  LookUpCode(dump, file, addresses, [](const MadeCode&, const std::optional<CodeName>& name) {
    if (!name) return;
    Require(!name->function.empty(), "a name is not empty");
    Require(name->file.size() <= 4096, "files are bounded");
  });
}

}  // namespace
}  // namespace sonde::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  using namespace sonde::fuzz;
  Input input(data, size);
  const size_t first = input.Take<uint16_t>();
  const uint64_t window = input.Take<uint64_t>() % kLastWindow;
  const auto bytes = input.Rest();
  const auto addresses = AddressesIn(bytes);
  Jitdump grown(kMaxFunctions);
  {
    const TargetFile begin = FileOf(bytes.first(std::min(first, bytes.size())));
    if (grown.Update(begin, window, kMaxBytes)) LookUp(grown, begin, addresses);
  }
  const TargetFile file = FileOf(bytes);
  Jitdump whole(kMaxFunctions);
  const auto at_once = whole.Update(file, kLastWindow, kMaxBytes);
  if (grown.Update(file, window, kMaxBytes)) LookUp(grown, file, addresses);
  const auto in_portions = grown.Update(file, kLastWindow, kMaxBytes);
  Require(at_once.ok() == in_portions.ok(), "portions make no difference");
  if (!at_once) return 0;
  Require(at_once->damaged == in_portions->damaged, "portions make no difference");
  for (const uint64_t avma : addresses) {
    Require(whole.Find(avma) == grown.Find(avma), "portions make no difference");
  }
  LookUp(whole, file, addresses);
  return 0;
}
