// The way through a stack: forged rows, rules and expressions, registers, stack bytes, and the kernel's own chain.
//
// Input: flags, registers, codes, chain, stack; see SnapshotInput.
#include "core/unwind/unwinder.h"
#include "fuzz/fuzz_input.h"

namespace sonde::fuzz {
namespace {

constexpr uint64_t kStack = 0x7fff'0000;
constexpr uint8_t kCut = 1;
constexpr uint8_t kChainCut = 2;
constexpr uint8_t kOtherProcessor = 4;

/// Where an address of the stack may be, one: 8 bytes apart around its bottom.
uint64_t AroundStack(int16_t words) { return kStack + static_cast<uint64_t>(int64_t{words} * 8); }

/// Code that repeats: which of the input's pieces lies at an address is told by its lowest bits.
class RepeatingCode : public CodeMap {
 public:
  Code At(uint64_t address) override {
    // And once for what the first frame may return to.
    Require(++asked_ <= Unwinder::kMaxFrames + 1, "a stack has no more frames than it may");
    return codes_.empty() ? Code{} : codes_[address % codes_.size()];
  }
  void Add(Input& input);

 private:
  std::vector<Code> codes_;
  std::vector<std::unique_ptr<CfiRow>> rules_;
  size_t asked_ = 0;
};

CfiRow RulesOf(Input& input) {
  CfiRow row;
  row.cfa_is_expression = (input.Take<uint8_t>() & 1) != 0;
  row.cfa_register = input.Take<uint8_t>() % kMaxRegisters;
  row.return_address = input.Take<uint8_t>() % kMaxRegisters;
  row.cfa_offset = input.Take<int16_t>();
  const unsigned expressions = input.Take<uint8_t>() % 4 + 1;
  for (unsigned i = 0; i < expressions; i++) {
    const auto bytes = input.Bytes(input.Take<uint8_t>());
    row.expressions.emplace_back(bytes.begin(), bytes.end());
  }
  if (row.cfa_is_expression) row.cfa_offset = 0;
  for (unsigned rules = input.Take<uint8_t>() % kMaxRegisters; rules > 0; rules--) {
    RegisterRule& rule = row.rules[input.Take<uint8_t>() % kMaxRegisters];
    rule.kind = static_cast<RegisterRule::Kind>(input.Take<uint8_t>() % 7);
    rule.offset = input.Take<int16_t>();
    using Kind = RegisterRule::Kind;
    // What the CFI reader makes: numbers of expressions that are there, and of registers in eight bits.
    if (rule.kind == Kind::kExpression || rule.kind == Kind::kValueExpression) {
      rule.offset = (rule.offset & 3) % static_cast<int64_t>(expressions);
    }
    if (rule.kind == Kind::kRegister) rule.offset &= 0xff;
  }
  return row;
}

void RepeatingCode::Add(Input& input) {
  Code code{.state = static_cast<Code::State>(
                input.Take<uint8_t>() % 16 < 5 ? input.Take<uint8_t>() % 5 : 0)};
  const auto flags = input.Take<uint8_t>();
  const auto offset = [](int16_t value) {
    return value == INT16_MIN ? UnwindRow::kKept : int32_t{value};
  };
  code.row.kind = static_cast<UnwindRow::Kind>(input.Take<uint8_t>() % 5);
  code.row.cfa_offset = input.Take<int16_t>();
  code.row.frame_pointer_offset = offset(input.Take<int16_t>());
  code.row.return_address_offset = offset(input.Take<int16_t>());
  code.row.signal_frame = (flags & 1) != 0;
  code.row.entry = (flags & 2) != 0;
  code.keeps_frame_pointers = (flags & 4) != 0;
  code.generated = (flags & 8) != 0;
  if (code.row.kind == UnwindRow::Kind::kRules) {
    rules_.push_back(std::make_unique<CfiRow>(RulesOf(input)));
    code.rules = rules_.back().get();
  }
  codes_.push_back(code);
}

}  // namespace
}  // namespace sonde::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sonde;
  using namespace sonde::fuzz;
  Input input(data, size);
  const auto flags = input.Take<uint8_t>();
  const Architecture& architecture = (flags & kOtherProcessor) != 0 ? kAarch64 : kX86_64;
  StackSnapshot snapshot{.cut = (flags & kCut) != 0, .chain_cut = (flags & kChainCut) != 0};
  for (unsigned number = 0; number < architecture.registers; number++) {
    const auto words = input.Take<int16_t>();
    if (words != -1) snapshot.registers.Set(number, AroundStack(words));
  }
  snapshot.registers.Set(architecture.stack_pointer, kStack);
  snapshot.instruction = input.Take<uint64_t>();
  RepeatingCode code;
  for (unsigned codes = input.Take<uint8_t>() % 16; codes > 0; codes--) code.Add(input);
  std::vector<uint64_t> chain;
  for (unsigned left = input.Take<uint8_t>(); left > 0; left--) {
    chain.push_back(input.Take<uint64_t>());
  }
  if (!chain.empty() && (flags & 8) != 0) chain[0] = snapshot.instruction;
  snapshot.chain = chain;
  snapshot.bytes = std::as_bytes(input.Rest());

  std::vector<uint64_t> frames;
  std::vector<FrameWords> words;
  Unwinder(architecture).Unwind(snapshot, code, frames, &words);
  Require(frames.size() <= Unwinder::kMaxFrames, "a stack has no more frames than it may");
  for (const FrameWords& noted : words) {
    Require(noted.frame < frames.size(), "words are of a frame that is there");
  }
  return 0;
}
