#include "core/perf/stack_unwinder.h"

#include <linux/perf_event.h>
#include <string.h>

#include <algorithm>

#include "core/base/clock.h"
#include "core/perf/call_chain.h"
#include "core/perf/event_attr.h"
#include "core/perf/unwound_chain.h"

namespace sonde {
namespace {

/// All rows of the C, C++, Python, Node.js and Java runtimes together are 15 MB.
constexpr size_t kMaxRowBytes = 48 << 20;
/// Some 1,500 samples, for the moment until a file has been read: at the start, when nothing is known, on a busy machine.
constexpr size_t kMaxParkedBytes = 12 << 20;

#if defined(__x86_64__)
/// DWARF's number of each register of kUserRegisters, in their order. The instruction pointer comes last of the low ones.
constexpr uint8_t kDwarfNumbers[] = {0, 3, 2, 1, 4, 5, 6, 7, 16, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr uint8_t kInstructionPointer = 16;
#elif defined(__aarch64__)
constexpr uint8_t kDwarfNumbers[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                     11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                     22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
constexpr uint8_t kInstructionPointer = 32;
#endif
static_assert(std::size(kDwarfNumbers) == kUserRegisterCount);

RegisterSet RegistersOf(const SampleRecord& sample) {
  RegisterSet registers;
  for (size_t i = 0; i < kUserRegisterCount; i++) {
    registers.Set(kDwarfNumbers[i], sample.registers[i]);
  }
  return registers;
}

}  // namespace

StackUnwinder::StackUnwinder(UniqueFd wake, bool names_javascript)
    : loader_(std::move(wake)),
      library_(loader_, kMaxRowBytes),
      processes_(loader_, library_),
      names_javascript_(names_javascript) {}

StackUnwinder::~StackUnwinder() {
  for (Copy& copy : parked_) Release(copy);
}

bool StackUnwinder::CanUnwind(const SampleRecord& sample) {
  return sample.registers_abi == PERF_SAMPLE_REGS_ABI_64 &&
         sample.registers.size() == kUserRegisterCount;
}

UnwindOutcome StackUnwinder::Walk(const SampleRecord& sample, uint32_t max_stack) {
  const CallChain chain = CallChain::Split(sample.chain);
  StackSnapshot snapshot{.registers = RegistersOf(sample),
                         .bytes = sample.stack,
                         .cut = sample.stack_cut,
                         .chain = chain.user,
                         .chain_cut = chain.size() >= max_stack};
  snapshot.instruction = snapshot.registers.value[kInstructionPointer];
  frames_.clear();
  frame_words_.clear();
  CodeMap& code = processes_.CodeOf(sample.pid, sample.time, snapshot.instruction);
  const UnwindOutcome outcome = unwinder_.Unwind(snapshot, code, frames_, &frame_words_);
  if (outcome.end != UnwindEnd::kPending) processes_.NoteChain(outcome.chain_helps);
  if (outcome.end == UnwindEnd::kComplete) {
    processes_.LearnRoot(sample.tid == sample.pid, frames_);
  } else if (outcome.end == UnwindEnd::kStackBytes && processes_.AddRoot(frames_)) {
    return {};
  }
  return outcome;
}

/// Behind each frame of V8's the number of its function.
void StackUnwinder::AddFunctions(const SampleRecord& sample) {
  annotated_.clear();
  const FunctionLedger::Process process{
      .pid = sample.pid, .began_at = processes_.BeganAt(), .image = processes_.V8()};
  size_t copied = 0;
  for (const FrameWords& words : frame_words_) {
    const auto next = frames_.begin() + static_cast<ptrdiff_t>(words.frame) + 1;
    annotated_.insert(annotated_.end(), frames_.begin() + static_cast<ptrdiff_t>(copied), next);
    copied = words.frame + 1;
    const bool returns = words.frame > 0 && (frames_[words.frame] & kExactAddress) == 0;
    const uint64_t address = frames_[words.frame] & ~kExactAddress;
    const uint32_t number =
        ledger_.NumberOf(process, {.generated = words.generated,
                                   .innermost = words.frame == 0,
                                   .address = returns ? address - 1 : address,
                                   .time = sample.time,
                                   .function = words.function,
                                   .bytecode_array = words.bytecode_array,
                                   .feedback = {words.feedback[0], words.feedback[1]},
                                   .return_address = words.return_address});
    if (number != 0) annotated_.push_back(kFrameFunction | number);
  }
  annotated_.insert(annotated_.end(), frames_.begin() + static_cast<ptrdiff_t>(copied),
                    frames_.end());
}

std::span<const uint64_t> StackUnwinder::Words(const SampleRecord& sample, UnwindOutcome outcome) {
  const CallChain chain = CallChain::Split(sample.chain);
  const bool annotates = names_javascript_ && !frame_words_.empty() && processes_.V8() != nullptr;
  if (annotates) AddFunctions(sample);
  words_.clear();
  UnwoundChain{.kernel = chain.kernel,
               .user = annotates ? std::span(annotated_) : std::span(frames_),
               .outcome = outcome}
      .AppendTo(words_);
  return words_;
}

std::optional<std::span<const uint64_t>> StackUnwinder::Unwind(const SampleRecord& sample,
                                                               uint32_t max_stack) {
  const UnwindOutcome outcome = Walk(sample, max_stack);
  if (outcome.end == UnwindEnd::kPending) return std::nullopt;
  return Words(sample, outcome);
}

std::span<const uint64_t> StackUnwinder::UnwindNow(const SampleRecord& sample, uint32_t max_stack) {
  UnwindOutcome outcome = Walk(sample, max_stack);
  if (outcome.end == UnwindEnd::kPending) outcome.end = UnwindEnd::kLateRows;
  return Words(sample, outcome);
}

bool StackUnwinder::Park(size_t ring, uint32_t session, const SampleRecord& sample) {
  const size_t bytes = sample.chain.size_bytes() + sample.registers.size_bytes() +
                       sample.stack.size() + sizeof(Copy);
  if (parked_bytes_ + bytes > kMaxParkedBytes) return false;
  parked_bytes_ += bytes;
  Copy& copy = parked_.emplace_back();
  copy.chain.assign(sample.chain.begin(), sample.chain.end());
  copy.registers.assign(sample.registers.begin(), sample.registers.end());
  copy.stack.assign(sample.stack.begin(), sample.stack.end());
  copy.parked = {.ring = ring, .session = session, .sample = sample};
  copy.parked.sample.chain = copy.chain;
  copy.parked.sample.registers = copy.registers;
  copy.parked.sample.stack = copy.stack;
  return true;
}

void StackUnwinder::Release(Copy& copy) {
  parked_bytes_ -= std::min(parked_bytes_, copy.chain.size() * sizeof(uint64_t) +
                                               copy.registers.size() * sizeof(uint64_t) +
                                               copy.stack.size() + sizeof(Copy));
  explicit_bzero(copy.stack.data(), copy.stack.size());
  explicit_bzero(copy.registers.data(), copy.registers.size() * sizeof(uint64_t));
}

bool StackUnwinder::TakeAnswers() {
  ledger_.TakeReplies();
  auto answers = loader_.Take();
  const uint64_t now = MonotonicNow();
  for (auto& process : answers.processes) processes_.Add(std::move(process));
  for (auto& image : answers.images) library_.Add(std::move(image), now);
  return !answers.images.empty() || !answers.processes.empty();
}

bool StackUnwinder::HasParkedBefore(uint64_t time) const {
  return std::ranges::any_of(parked_,
                             [time](const Copy& copy) { return copy.parked.sample.time < time; });
}

}  // namespace sonde
