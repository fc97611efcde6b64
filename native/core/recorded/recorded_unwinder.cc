#include "core/recorded/recorded_unwinder.h"

#include "core/perf/unwind_reason.h"
#include "core/recorded/captured_registers.h"

namespace sonde {
namespace {

/// Each time something was read; a stack leads through fewer files, unless there is no room for the rows of all.
constexpr int kMaxReadings = 256;

const Architecture* ArchitectureOf(const std::string& machine) {
  if (machine == "x86_64") return &kX86_64;
  if (machine == "aarch64") return &kAarch64;
  return nullptr;
}

const Architecture& OrThisOne(const Architecture* architecture) {
  return architecture == nullptr ? kThisArchitecture : *architecture;
}

}  // namespace

RecordedUnwinder::RecordedUnwinder(const std::string& machine, RecordedCode::Sources sources)
    : machine_(machine),
      architecture_(ArchitectureOf(machine)),
      code_(OrThisOne(architecture_), spaces_, std::move(sources)),
      unwinder_(OrThisOne(architecture_)) {}

RecordedUnwinder::Outcome RecordedUnwinder::Unwind(const Sample& sample,
                                                   std::vector<uint64_t>& frames) {
  if (sample.is_32_bit) return Broken("[broken: stacks of 32-bit programs are not unwound]");
  if (architecture_ == nullptr)
    return Broken("[broken: stacks of " + machine_ + " are not unwound]");
  const auto captured =
      ReadCapturedRegisters(*architecture_, sample.register_mask, sample.registers);
  if (!captured) return Ended({UnwindEnd::kRegisters});
  const StackSnapshot snapshot{.registers = captured->registers,
                               .instruction = captured->instruction,
                               .bytes = sample.stack,
                               .cut = sample.cut,
                               .chain = sample.chain,
                               .chain_cut = sample.chain_cut};
  const size_t before = frames.size();
  code_.Enter(sample.pid);
  UnwindOutcome outcome;
  for (int readings = 0; readings < kMaxReadings; readings++) {
    frames.resize(before);
    outcome = unwinder_.Unwind(snapshot, code_, frames);
    if (outcome.end != UnwindEnd::kPending || !code_.ReadWanted()) break;
  }
  return Ended(outcome);
}

RecordedUnwinder::Outcome RecordedUnwinder::Ended(UnwindOutcome outcome) {
  if (outcome.end == UnwindEnd::kComplete) return {.state = StackState::kComplete};
  if (outcome.end == UnwindEnd::kUnverified) return {.state = StackState::kUnverified};
  const auto [known, added] = known_reasons_.try_emplace({outcome.end, outcome.name});
  if (added) known->second = reasons_.Add(ReasonOf(outcome.end, code_.NameOf(outcome.name)));
  return {.reason = known->second};
}

RecordedUnwinder::Outcome RecordedUnwinder::Broken(const std::string& reason) {
  return {.reason = reasons_.Add(reason)};
}

}  // namespace sonde
