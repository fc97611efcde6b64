#include "core/unwind/unwinder.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace sonde {
namespace {

constexpr uint64_t kWord = 8;
/// An address so far above what was captured is no part of the same stack: threads have 8 MiB by default.
constexpr uint64_t kMaxStack = 8 << 20;
/// No code lies in the first page.
constexpr uint64_t kFirstCode = 4096;
/// Operations of all expressions of one stack. 1,024 frames with aligned stacks (a CFA and six registers by expressions
/// of two) take 14,000; forged rules would have 33 expressions that loop in each frame: 0.1 s a sample.
constexpr unsigned kMaxStackOperations = 1 << 15;

/// Whether the frame is the one that frame pointers make: the caller's where the pointer leads, the return address behind
/// it. The kernel's walk takes the same step.
bool IsLinkedFrame(const UnwindRow& row) {
  return row.kind == UnwindRow::Kind::kFramePointer && row.cfa_offset == 16 &&
         row.frame_pointer_offset == -16 && row.return_address_offset == -8;
}

}  // namespace

/// One way through one stack.
class Unwinder::Walk final : private StackMemory {
 public:
  /// Which registers are followed from frame to frame.
  enum class Follow : uint8_t {
    /// Frame and stack pointer: nearly every frame is found by one of them.
    kPointers,
    /// All, as far as their values were saved.
    kAll,
  };

  Walk(const Architecture& architecture, const StackSnapshot& snapshot, CodeMap& code,
       Follow follow)
      : follow_(follow),
        architecture_(architecture),
        snapshot_(snapshot),
        code_(code),
        registers_(snapshot.registers),
        bottom_(snapshot.registers.value[architecture.stack_pointer]),
        instruction_(snapshot.instruction),
        kernel_steps_(snapshot.chain.empty() || snapshot.chain[0] != snapshot.instruction ? kAstray
                                                                                          : 0) {}

  UnwindOutcome Run(std::vector<uint64_t>& frames, std::vector<FrameWords>* words);
  bool chain_helps() const { return chain_helps_; }

 private:
  /// `kernel_steps_` where the frame pointer is no longer one that the kernel has seen too.
  static constexpr size_t kAstray = SIZE_MAX;

  /// Nothing: the way goes on.
  using Ended = std::optional<UnwindEnd>;

  uint64_t& StackPointer() { return registers_.value[architecture_.stack_pointer]; }
  uint64_t FramePointer() const { return registers_.value[architecture_.frame_pointer]; }
  bool KnowsFramePointer() const { return registers_.Knows(architecture_.frame_pointer); }
  uint64_t Top() const { return bottom_ + snapshot_.bytes.size(); }
  std::optional<uint64_t> Word(uint64_t address) const override;
  UnwindEnd Unreadable(uint64_t address, UnwindEnd otherwise) const;

  Ended Step(const Code& code);
  Ended StepByCode(const Code& code);
  Ended StepByRow(const UnwindRow& row);
  Ended StepByRules(const UnwindRow& row, const CfiRow& rules);
  Ended StepByFramePointer(UnwindEnd failed);
  std::optional<Ended> LeaveUnfinishedFrame(const Code& code);
  Ended StepByKernel(UnwindEnd otherwise);
  Ended Restore(const CfiRow& rules, uint64_t cfa, RegisterSet& caller);
  std::optional<uint64_t> CfaOf(const CfiRow& rules);
  Result<uint64_t> ValueOf(const std::vector<uint8_t>& expression, std::optional<uint64_t> initial);
  Ended Leave(uint64_t cfa, uint64_t return_address, bool signal_frame);
  void FollowFramePointer(uint64_t slot);
  void NoteWords(const Code& code, size_t frame, std::vector<FrameWords>& words);
  uint64_t ReturnToGeneratedCode();
  uint64_t Unsigned(uint64_t address) const;

  const Follow follow_;
  const Architecture& architecture_;
  const StackSnapshot& snapshot_;
  CodeMap& code_;
  RegisterSet registers_;
  const uint64_t bottom_;
  uint64_t instruction_;
  /// Whether `instruction_` is a return address: the call lies before it.
  bool returns_ = false;
  /// So often the frame pointer has been loaded from where it pointed to: the kernel's walk was there after as many
  /// steps.
  size_t kernel_steps_;
  /// The captured bytes are left behind; only the kernel's return addresses are known.
  bool by_kernel_ = false;
  bool chain_helps_ = false;
  unsigned operations_left_ = kMaxStackOperations;
  /// A frame was left by a frame pointer that is likely and not known to be its own.
  bool unverified_ = false;
  /// Why what called `instruction_` is not known, where that is known before it is looked at.
  Ended ends_;
};

UnwindOutcome Unwinder::Walk::Run(std::vector<uint64_t>& frames, std::vector<FrameWords>* words) {
  for (size_t depth = 0; depth < kMaxFrames; depth++) {
    const Code code = code_.At(returns_ ? instruction_ - 1 : instruction_);
    // What a signal's handler returns to was never called: there is no call before it.
    const bool exact = depth > 0 && (!returns_ || code.row.signal_frame);
    // Where a way leads to what is no code, the last step was wrong; what is executed now is code whatever it is.
    if (code.state == Code::State::kUnmapped && depth > 0) {
      if (ends_) return {*ends_};
      return {by_kernel_ ? UnwindEnd::kFramePointer : UnwindEnd::kReturnAddress};
    }
    frames.push_back(exact ? instruction_ | kExactAddress : instruction_);
    if (code.state == Code::State::kPending) return {UnwindEnd::kPending, code.name};
    if (ends_) return {*ends_, code.name};
    // Code that has rows is none of V8's.
    if (words != nullptr && code.row.kind == UnwindRow::Kind::kNone && code.keeps_frame_pointers) {
      NoteWords(code, frames.size() - 1, *words);
    }
    const Ended ended = Step(code);
    if (ended == UnwindEnd::kComplete && unverified_) return {UnwindEnd::kUnverified, code.name};
    if (ended) return {*ended, code.name};
    unverified_ = unverified_ || code.likely;
  }
  return {UnwindEnd::kDepth};
}

/// V8's frames hold their function at the same places whichever way it is compiled. A word is V8's pointer where its
/// lowest bit is set.
void Unwinder::Walk::NoteWords(const Code& code, size_t frame, std::vector<FrameWords>& words) {
  FrameWords noted{.frame = frame, .generated = code.generated};
  const bool captured = !by_kernel_ && KnowsFramePointer() && FramePointer() >= StackPointer();
  const auto at = [this](uint64_t below) { return Word(FramePointer() - below).value_or(0); };
  // Frames that are not of JavaScript have a small integer in place of the context.
  if (captured && (at(8) & 1) != 0) {
    noted.function = at(16);
    noted.bytecode_array = at(32);
    noted.feedback[0] = at(40);
    noted.feedback[1] = at(48);
  }
  const bool has_function = (noted.function & 1) != 0;
  if (has_function && frame == 0 && !code.generated) noted.return_address = ReturnToGeneratedCode();
  // An interpreter's caller goes on at an offset in its bytecode, a small integer.
  const bool interprets = has_function && (noted.bytecode_array & 1) != 0 &&
                          (frame == 0 || (noted.feedback[0] & 0xffffffff) == 0);
  if (code.generated || interprets || noted.return_address != 0) words.push_back(noted);
}

uint64_t Unwinder::Walk::ReturnToGeneratedCode() {
  const uint64_t address = Unsigned(Word(StackPointer()).value_or(0));
  if (address < kFirstCode) return 0;
  const Code caller = code_.At(address - 1);
  return caller.state == Code::State::kKnown && caller.generated ? address : 0;
}

Unwinder::Walk::Ended Unwinder::Walk::Step(const Code& code) {
  // Frame pointers of code that nobody knows lead anywhere.
  if (code.state == Code::State::kLate || code.state == Code::State::kUnmapped) {
    return UnwindEnd::kLateRows;
  }
  if (code.state == Code::State::kCostly) return UnwindEnd::kCostlyRows;
  if (code.state == Code::State::kUnreadable) return UnwindEnd::kUnreadableRows;
  if (code.state == Code::State::kAbsent) return UnwindEnd::kNoFile;
  if (code.state == Code::State::kUnidentified) return UnwindEnd::kNoBuildId;
  if (code.row.kind == UnwindRow::Kind::kOutermost) return UnwindEnd::kComplete;
  if (code.row.kind == UnwindRow::Kind::kNone) {
    const bool may_be_left = code.row.cfa_offset != 0;
    chain_helps_ = chain_helps_ || may_be_left;
    if (code.row.entry && !may_be_left) return UnwindEnd::kComplete;
    if (const auto left = LeaveUnfinishedFrame(code)) return *left;
    if (code.row.entry) return UnwindEnd::kComplete;
    // Another function's frame pointer would lead past the callers of this one, without a sign.
    if (!code.keeps_frame_pointers) return UnwindEnd::kNoRows;
    const UnwindEnd failed = code.generated ? UnwindEnd::kNoRows : UnwindEnd::kFramePointer;
    return by_kernel_ ? StepByKernel(failed) : StepByFramePointer(failed);
  }
  if (by_kernel_) {
    // The registers that any other row starts from are not known there.
    return IsLinkedFrame(code.row) ? StepByKernel(UnwindEnd::kStackBytes) : UnwindEnd::kStackBytes;
  }
  const Ended ended = StepByCode(code);
  // What was not captured may have had a caller.
  const bool captured = ended != UnwindEnd::kStackBytes && ended != UnwindEnd::kNotCaptured;
  return ended && captured && code.row.entry ? UnwindEnd::kComplete : ended;
}

Unwinder::Walk::Ended Unwinder::Walk::StepByCode(const Code& code) {
  if (code.row.kind == UnwindRow::Kind::kRules) return StepByRules(code.row, *code.rules);
  if (follow_ == Follow::kAll) {
    const auto rules = code_.RulesAt(returns_ ? instruction_ - 1 : instruction_);
    if (rules) return StepByRules(code.row, *rules);
  }
  return StepByRow(code.row);
}

Unwinder::Walk::Ended Unwinder::Walk::StepByRow(const UnwindRow& row) {
  const bool from_frame_pointer = row.kind == UnwindRow::Kind::kFramePointer;
  if (from_frame_pointer && !KnowsFramePointer()) return UnwindEnd::kRegisters;
  const uint64_t base = from_frame_pointer ? FramePointer() : StackPointer();
  const uint64_t cfa = base + static_cast<uint64_t>(int64_t{row.cfa_offset});
  const auto at = [cfa](int32_t offset) { return cfa + static_cast<uint64_t>(int64_t{offset}); };
  const UnwindEnd bad = from_frame_pointer ? UnwindEnd::kFramePointer : UnwindEnd::kReturnAddress;
  uint64_t return_address = registers_.value[architecture_.return_address];
  if (row.return_address_offset == UnwindRow::kKept) {
    // Only the innermost frame may still have it there: every call overwrites it.
    if (!registers_.Knows(architecture_.return_address)) return UnwindEnd::kRegisters;
  } else {
    const auto saved = Word(at(row.return_address_offset));
    if (!saved) {
      const UnwindEnd unreadable = Unreadable(at(row.return_address_offset), bad);
      return IsLinkedFrame(row) ? StepByKernel(unreadable) : unreadable;
    }
    return_address = *saved;
  }
  // Compilers do not say that an epilogue has restored the register: the place it was saved at lies below the stack
  // pointer then, and the register holds the value already.
  if (row.frame_pointer_offset != UnwindRow::kKept &&
      at(row.frame_pointer_offset) >= StackPointer()) {
    FollowFramePointer(at(row.frame_pointer_offset));
  }
  const uint64_t known = registers_.known & (uint64_t{1} << architecture_.frame_pointer |
                                             uint64_t{1} << architecture_.stack_pointer);
  registers_.known = known;
  return Leave(cfa, return_address, row.signal_frame);
}

/// The caller's frame pointer out of the stack.
void Unwinder::Walk::FollowFramePointer(uint64_t slot) {
  const bool as_kernel = KnowsFramePointer() && slot == FramePointer();
  kernel_steps_ = as_kernel && kernel_steps_ != kAstray ? kernel_steps_ + 1 : kAstray;
  const auto value = Word(slot);
  if (value) {
    registers_.Set(architecture_.frame_pointer, *value);
  } else {
    registers_.Forget(architecture_.frame_pointer);
  }
}

Result<uint64_t> Unwinder::Walk::ValueOf(const std::vector<uint8_t>& expression,
                                         std::optional<uint64_t> initial) {
  return Evaluate(expression, {.registers = registers_,
                               .memory = *this,
                               .initial = initial,
                               .operations_left = &operations_left_});
}

std::optional<uint64_t> Unwinder::Walk::CfaOf(const CfiRow& rules) {
  if (rules.cfa_is_expression) {
    const auto place = static_cast<size_t>(rules.cfa_offset);
    if (place >= rules.expressions.size()) return std::nullopt;
    const auto value = ValueOf(rules.expressions[place], std::nullopt);
    return value ? std::optional(*value) : std::nullopt;
  }
  if (!registers_.Knows(rules.cfa_register)) return std::nullopt;
  return registers_.value[rules.cfa_register] + static_cast<uint64_t>(rules.cfa_offset);
}

Unwinder::Walk::Ended Unwinder::Walk::StepByRules(const UnwindRow& row, const CfiRow& rules) {
  registers_.Set(architecture_.has_link_register ? 32 : architecture_.return_address, instruction_);
  const auto cfa = CfaOf(rules);
  // An expression looks at the stack, too.
  if (!cfa && rules.cfa_is_expression && snapshot_.cut) return UnwindEnd::kStackBytes;
  if (!cfa) return UnwindEnd::kRegisters;
  RegisterSet caller;
  caller.Set(architecture_.stack_pointer, *cfa);
  const Ended ended = Restore(rules, *cfa, caller);
  if (ended) return ended;
  if (!caller.Knows(rules.return_address)) return UnwindEnd::kRegisters;
  const uint64_t return_address = caller.value[rules.return_address];
  const bool kept = caller.Knows(architecture_.frame_pointer) && KnowsFramePointer() &&
                    caller.value[architecture_.frame_pointer] == FramePointer();
  if (!kept) kernel_steps_ = kAstray;
  const uint64_t stack_pointer = caller.value[architecture_.stack_pointer];
  const uint64_t before = StackPointer();
  registers_ = caller;
  StackPointer() = before;
  return Leave(stack_pointer, return_address, row.signal_frame);
}

/// Fills `caller` with what the rules say.
Unwinder::Walk::Ended Unwinder::Walk::Restore(const CfiRow& rules, uint64_t cfa,
                                              RegisterSet& caller) {
  using Kind = RegisterRule::Kind;
  for (unsigned number = 0; number < architecture_.registers; number++) {
    const RegisterRule& rule = rules.rules[number];
    std::optional<uint64_t> value;
    switch (rule.kind) {
      case Kind::kSame:
        // The stack pointer is the CFA; a return address that nothing is said of is unknown.
        if (number == architecture_.stack_pointer) continue;
        if (number == architecture_.return_address && !architecture_.has_link_register) continue;
        if (registers_.Knows(number)) value = registers_.value[number];
        break;
      case Kind::kUndefined:
        break;
      case Kind::kOffset:
      case Kind::kValueOffset:
        value = cfa + static_cast<uint64_t>(rule.offset);
        // As in StepByRow: an epilogue has restored it.
        if (rule.kind == Kind::kOffset && number != rules.return_address &&
            *value < StackPointer()) {
          if (registers_.Knows(number)) caller.Set(number, registers_.value[number]);
          continue;
        }
        break;
      case Kind::kRegister:
        if (rule.offset >= 0 && registers_.Knows(static_cast<unsigned>(rule.offset))) {
          value = registers_.value[static_cast<size_t>(rule.offset)];
        }
        break;
      case Kind::kExpression:
      case Kind::kValueExpression: {
        const auto place = static_cast<size_t>(rule.offset);
        if (place >= rules.expressions.size()) break;
        const auto result = ValueOf(rules.expressions[place], cfa);
        if (result) value = *result;
        break;
      }
    }
    if (value && (rule.kind == Kind::kOffset || rule.kind == Kind::kExpression)) {
      const uint64_t slot = *value;
      value = Word(slot);
      if (!value && number == rules.return_address) {
        return Unreadable(slot, UnwindEnd::kReturnAddress);
      }
    }
    if (value) caller.Set(number, *value);
  }
  return std::nullopt;
}

/// A frame whose code no row describes, but which begins as calls of C do: saved frame pointer, return address.
Unwinder::Walk::Ended Unwinder::Walk::StepByFramePointer(UnwindEnd failed) {
  if (!KnowsFramePointer()) return failed;
  const uint64_t frame = FramePointer();
  const auto return_address = frame < StackPointer() ? std::nullopt : Word(frame + kWord);
  if (!return_address) return StepByKernel(Unreadable(frame, failed));
  FollowFramePointer(frame);
  registers_.known &=
      uint64_t{1} << architecture_.frame_pointer | uint64_t{1} << architecture_.stack_pointer;
  return Leave(frame + 2 * kWord, *return_address, false);
}

/// Of code that keeps frame pointers but has not set its own yet, or never does, where it is known how much of the stack
/// it uses (Go's tables, stubs): nothing where it is not, where its frame is whole, or where no return address is there.
std::optional<Unwinder::Walk::Ended> Unwinder::Walk::LeaveUnfinishedFrame(const Code& code) {
  if (code.row.cfa_offset == 0 || returns_ || by_kernel_ || !KnowsFramePointer()) {
    return std::nullopt;
  }
  const uint64_t cfa = StackPointer() + static_cast<uint64_t>(int64_t{code.row.cfa_offset});
  if (FramePointer() == cfa - 2 * kWord) return std::nullopt;
  const auto return_address = Word(cfa - kWord);
  if (!return_address || *return_address < kFirstCode) return std::nullopt;
  switch (code_.At(Unsigned(*return_address) - 1).state) {
    case Code::State::kUnmapped:
      return std::nullopt;
    case Code::State::kPending:
      return UnwindEnd::kPending;
    case Code::State::kKnown:
    case Code::State::kUnreadable:
    case Code::State::kLate:
    case Code::State::kCostly:
    case Code::State::kAbsent:
    case Code::State::kUnidentified:
      break;
  }
  return Leave(cfa, *return_address, false);
}

/// The next frame as the kernel found it, where the captured bytes do not show it.
Unwinder::Walk::Ended Unwinder::Walk::StepByKernel(UnwindEnd otherwise) {
  chain_helps_ = true;
  if (kernel_steps_ == kAstray) return otherwise;
  const size_t next = kernel_steps_ + 1;
  if (next >= snapshot_.chain.size()) {
    return snapshot_.chain_cut ? UnwindEnd::kKernelDepth : otherwise;
  }
  by_kernel_ = true;
  kernel_steps_ = next;
  instruction_ = Unsigned(snapshot_.chain[next]);
  returns_ = true;
  return instruction_ < kFirstCode ? Ended(UnwindEnd::kFramePointer) : std::nullopt;
}

/// Goes to the caller, if it lies further up the stack. A signal's handler may run on a stack of its own: what it interrupted
/// is known, and none of its callers.
Unwinder::Walk::Ended Unwinder::Walk::Leave(uint64_t cfa, uint64_t return_address,
                                            bool signal_frame) {
  const bool inside = cfa >= StackPointer() && cfa <= Top();
  if (signal_frame && !inside) {
    const bool near = cfa > Top() && cfa - Top() <= kMaxStack;
    ends_ = near && snapshot_.cut ? UnwindEnd::kStackBytes : UnwindEnd::kOtherStack;
    instruction_ = Unsigned(return_address);
    returns_ = false;
    return instruction_ < kFirstCode ? ends_ : std::nullopt;
  }
  // A leaf may keep its return address in a register: always where there is a link register, vfork on x86-64.
  const bool may_stay = signal_frame || !returns_;
  if (cfa < StackPointer() || (cfa == StackPointer() && !may_stay)) {
    return UnwindEnd::kReturnAddress;
  }
  StackPointer() = cfa;
  registers_.known |= uint64_t{1} << architecture_.stack_pointer;
  instruction_ = Unsigned(return_address);
  returns_ = !signal_frame;
  return instruction_ < kFirstCode ? Ended(UnwindEnd::kReturnAddress) : std::nullopt;
}

uint64_t Unwinder::Walk::Unsigned(uint64_t address) const {
  if (architecture_.code_address_bits >= 64) return address;
  return address & ((uint64_t{1} << architecture_.code_address_bits) - 1);
}

std::optional<uint64_t> Unwinder::Walk::Word(uint64_t address) const {
  const uint64_t offset = address - bottom_;
  if (address < bottom_ || snapshot_.bytes.size() < kWord ||
      offset > snapshot_.bytes.size() - kWord) {
    return std::nullopt;
  }
  uint64_t word;
  std::memcpy(&word, snapshot_.bytes.data() + offset, sizeof(word));
  return word;
}

/// Why the word at `address` is not there: not captured, or a wrong address. The copy also ends at a page that the thread
/// has reserved and not touched yet.
UnwindEnd Unwinder::Walk::Unreadable(uint64_t address, UnwindEnd otherwise) const {
  if (snapshot_.bytes.empty()) return UnwindEnd::kNotCaptured;
  const bool above = address + kWord > Top() && address - bottom_ <= kMaxStack;
  if (!above) return otherwise;
  return snapshot_.cut ? UnwindEnd::kStackBytes : UnwindEnd::kNotCaptured;
}

UnwindOutcome Unwinder::Unwind(const StackSnapshot& snapshot, CodeMap& code,
                               std::vector<uint64_t>& frames, std::vector<FrameWords>* words) {
  const size_t frames_before = frames.size();
  const size_t words_before = words == nullptr ? 0 : words->size();
  Walk walk(architecture_, snapshot, code, Walk::Follow::kPointers);
  UnwindOutcome outcome = walk.Run(frames, words);
  outcome.chain_helps = walk.chain_helps();
  if (outcome.end != UnwindEnd::kRegisters) return outcome;
  // The dynamic linker's lazy binding is the one that everybody meets: its frame is found by rbx, which what it calls saves.
  frames.resize(frames_before);
  if (words != nullptr) words->resize(words_before);
  return Walk(architecture_, snapshot, code, Walk::Follow::kAll).Run(frames, words);
}

}  // namespace sonde
