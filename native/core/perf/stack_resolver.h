#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/perf/call_chain.h"
#include "core/perf/function_ledger.h"
#include "core/perf/mapping_table.h"
#include "core/perf/process_table.h"
#include "core/perf/stack_interner.h"
#include "core/perf/stack_table.h"
#include "core/perf/unwound_chain.h"

namespace sonde {

/// Turns the raw call chains of a window into stacks of frames, each against the state of its process at its time.
class StackResolver {
 public:
  struct Tables {
    ProcessTable& processes;
    MappingTable& mappings;
    StringTable& strings;
    FunctionTable& functions;
    FrameTable& frames;
    StackTable& stacks;
  };
  /// What the chains speak of: Window::unwind_names() and functions().
  struct Legend {
    const std::vector<std::string>& names;
    const FrameFunctions& functions;
  };

  StackResolver(const StackInterner& raw, Legend legend, Tables tables);

  /// The stack of a sample taken at `time` by an event that walks at most `max_stack` frames.
  uint32_t Resolve(uint32_t raw_stack, uint64_t time, uint32_t max_stack);

 private:
  /// One meaning of a raw stack: the epoch of its process, and whether it was cut.
  struct Variant {
    Process* process = nullptr;
    uint32_t pid = 0;
    uint32_t epoch = 0;
    /// Number of process and epoch in the frame cache.
    uint32_t space = 0;
    bool truncated = false;
  };

  uint32_t Make(const StackInterner::RawStack& raw, const Variant& variant);
  uint32_t UserFrame(uint64_t address, bool return_address, const Variant& variant);
  uint32_t FrameWithFunction(uint64_t address, bool return_address, uint32_t function,
                             const Variant& variant);
  uint32_t FunctionOf(uint32_t number, bool generated);
  uint32_t MakeUnwound(const UnwoundChain& chain, const Variant& variant);
  uint32_t MakeOfKernel(const CallChain& chain, const Variant& variant);
  void AddKernelFrames(std::span<const uint64_t> addresses);
  uint32_t Broken(const std::string& reason);
  uint32_t KernelFrame(uint64_t address, bool return_address);
  uint32_t MappingAt(uint64_t address, bool return_address, const Variant& variant);
  uint32_t SpaceOf(uint32_t pid, uint32_t epoch);
  void ReadAgain(Process& process);

  const StackInterner& raw_;
  const Legend legend_;
  Tables tables_;
  FrameCache cache_;
  /// Per raw stack: 1 + the stack of its first epoch, not cut; what nearly all are.
  std::vector<uint32_t> plain_;
  /// The others, by raw stack, epoch and whether it was cut.
  std::unordered_map<uint64_t, uint32_t> others_;
  std::unordered_map<uint64_t, uint32_t> spaces_;
  std::unordered_set<uint32_t> read_again_;
  std::vector<uint32_t> scratch_;
};

}  // namespace sonde
