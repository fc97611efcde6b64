// Names of functions: C++, and both schemes of Rust.
#include "core/symbols/demangle.h"
#include "fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kLongest = 8192;
  const std::string_view name(reinterpret_cast<const char*>(data), size);
  const std::string readable = sonde::Demangle(name);
  sonde::fuzz::Require(readable.size() <= std::max(size, kLongest), "readable names are bounded");
  return 0;
}
