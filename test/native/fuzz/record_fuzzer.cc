// Records of a perf ring, with every layout that samples may have.
//
// Input: the record. Event 1 states its period, 2 implies it, 3 captures stacks, 4 both; others are as event 0.
#include <memory>

#include "core/perf/call_chain.h"
#include "core/perf/record.h"
#include "core/perf/stack_unwinder.h"
#include "fuzz/fuzz_input.h"

namespace sonde::fuzz {
namespace {

/// Reads all of it, so that the sanitizers see where it lies.
template <typename Element>
void Touch(std::span<const Element> bytes) {
  unsigned sum = 0;
  for (const std::byte byte : std::as_bytes(bytes)) sum += static_cast<unsigned>(byte);
  [[maybe_unused]] volatile unsigned seen = sum;
}

struct TouchAll {
  void operator()(const SampleRecord& sample) const {
    Touch(sample.chain);
    Touch(sample.registers);
    Touch(sample.stack);
    const CallChain chain = CallChain::Split(sample.chain);
    Touch(chain.kernel);
    Touch(chain.user);
    (void)StackUnwinder::CanUnwind(sample);
  }
  void operator()(const CommRecord& record) const { Touch(std::span(record.comm)); }
  void operator()(const CgroupRecord& record) const { Touch(std::span(record.path)); }
  void operator()(const MmapRecord& record) const {
    Touch(std::span(record.path));
    Touch(record.build_id);
    Require(record.start + record.length >= record.start, "a mapping ends behind its start");
  }
  template <typename Other>
  void operator()(const Other&) const {}
};

}  // namespace
}  // namespace sonde::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  SampleLayouts layouts;
  layouts.Set(1, {});
  layouts.Set(2, {.implied_period = 1});
  layouts.Set(3, {.captured = true});
  layouts.Set(4, {.implied_period = 1, .captured = true});
  layouts.Set(5, {.captured = true, .cgroup = true});
  SampleLayouts captured;
  captured.Set(1, {.captured = true});
  // Of its exact size, and aligned.
  const std::unique_ptr<std::byte[]> record(new std::byte[size]);
  std::memcpy(record.get(), data, size);
  for (const SampleLayouts* each : {&layouts, &captured}) {
    std::visit(fuzz::TouchAll{}, ParseRecord({record.get(), size}, *each).body);
  }
  return 0;
}
