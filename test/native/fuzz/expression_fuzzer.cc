// DWARF expressions of CFI.
//
// Input: u64 which registers are known, whether a value is given, the expression.
#include "core/unwind/expression.h"
#include "fuzz/fuzz_input.h"

namespace sonde::fuzz {
namespace {

/// Every other word is there; its value is made of its address.
class HalfMemory : public StackMemory {
 public:
  std::optional<uint64_t> Word(uint64_t address) const override {
    loads_++;
    return (address & 8) == 0 ? std::optional(address * 0x9e3779b97f4a7c15) : std::nullopt;
  }
  unsigned loads() const { return loads_; }

 private:
  mutable unsigned loads_ = 0;
};

}  // namespace
}  // namespace sonde::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  fuzz::Input input(data, size);
  RegisterSet registers;
  registers.known = input.Take<uint64_t>() & ((uint64_t{1} << kMaxRegisters) - 1);
  for (size_t number = 0; number < kMaxRegisters; number++) {
    registers.value[number] = 0x7fff0000 + number * 16;
  }
  const bool given = (input.Take<uint8_t>() & 1) != 0;
  const fuzz::HalfMemory memory;
  (void)Evaluate(input.Rest(), registers, memory,
                 given ? std::optional<uint64_t>(1) : std::nullopt);
  // An operation loads a word at most twice.
  fuzz::Require(memory.loads() <= 2002, "an expression ends after 1,000 operations");
  return 0;
}
