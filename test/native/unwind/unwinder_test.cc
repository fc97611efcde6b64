// From frame to frame: rows, frame pointers, the kernel's own walk behind the captured bytes, and every way to end.
#include "core/unwind/unwinder.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>

namespace sonde {
namespace {

constexpr uint64_t kStack = 0x7fff0000;

/// Code by address; nothing is mapped elsewhere.
class FakeCode : public CodeMap {
 public:
  Code At(uint64_t address) override {
    const auto found = code.find(address);
    return found == code.end() ? Code{} : found->second;
  }
  std::optional<CfiRow> RulesAt(uint64_t address) override {
    asked_for_rules = true;
    const auto found = rules.find(address);
    return found == rules.end() ? std::nullopt : std::optional(found->second);
  }
  std::map<uint64_t, Code> code;
  std::map<uint64_t, CfiRow> rules;
  bool asked_for_rules = false;
};

Code Known(UnwindRow row) { return {.state = Code::State::kKnown, .row = row}; }

/// CFA = stack pointer + `size`, the return address below it.
Code Frame(int32_t size, int32_t frame_pointer = UnwindRow::kKept) {
  return Known({.cfa_offset = size,
                .frame_pointer_offset = frame_pointer,
                .return_address_offset = -8,
                .kind = UnwindRow::Kind::kStackPointer});
}
Code Outermost() { return Known({.kind = UnwindRow::Kind::kOutermost}); }
Code FramePointerCode() { return {.state = Code::State::kKnown, .keeps_frame_pointers = true}; }

class UnwinderTest : public testing::Test {
 protected:
  UnwinderTest() { snapshot_.instruction = 0x1000; }

  UnwindEnd Unwind(const Architecture& architecture = kX86_64) {
    snapshot_.bytes = std::as_bytes(std::span(stack_));
    snapshot_.registers.Set(architecture.stack_pointer, kStack);
    frames_.clear();
    words_.clear();
    outcome_ = Unwinder(architecture).Unwind(snapshot_, code_, frames_, &words_);
    return outcome_.end;
  }
  void FramePointer(uint64_t value) { snapshot_.registers.Set(kX86_64.frame_pointer, value); }

  StackSnapshot snapshot_;
  /// The words at kStack.
  std::vector<uint64_t> stack_;
  FakeCode code_;
  std::vector<uint64_t> frames_;
  std::vector<FrameWords> words_;
  UnwindOutcome outcome_;
};

using Frames = std::vector<uint64_t>;

Code GeneratedCode() {
  Code code = FramePointerCode();
  code.generated = true;
  return code;
}

TEST_F(UnwinderTest, WhatV8KeepsInItsFramesIsNotedOfGeneratedCodeAndOfTheInterpreter) {
  code_.code = {{0x1000, GeneratedCode()}, {0x1fff, FramePointerCode()}, {0x2fff, Outermost()}};
  const uint64_t offset_in_bytecode = uint64_t{5} << 32;
  stack_ = {0x61,
            0x51,
            0x41,
            0,
            0x21,
            0x11,  // below the frame pointer at index 6
            kStack + 14 * 8,
            0x2000,  // the caller's, and where it goes on
            0x67,
            offset_in_bytecode,
            0x47,
            0,
            0x27,
            0x17,  // below the one at index 14
            0,
            0x3000};
  FramePointer(kStack + 6 * 8);
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  ASSERT_EQ(words_.size(), 2U);
  EXPECT_TRUE(words_[0].generated);
  EXPECT_EQ(words_[0].function, 0x21U);
  EXPECT_EQ(words_[0].bytecode_array, 0x41U);
  EXPECT_EQ(words_[0].feedback[0], 0x51U);
  EXPECT_EQ(words_[1].frame, 1U);
  EXPECT_FALSE(words_[1].generated);
  EXPECT_EQ(words_[1].function, 0x27U);
  EXPECT_EQ(words_[1].bytecode_array, 0x47U);
  // A caller in a builtin that is not at an offset in bytecode is no interpreter.
  stack_[9] = 0x57;
  Unwind();
  EXPECT_EQ(words_.size(), 1U);
}

TEST_F(UnwinderTest, AFrameThatIsNotOfJavaScriptHasNoFunction) {
  code_.code = {{0x1000, GeneratedCode()}, {0x1fff, Outermost()}};
  const uint64_t marker = uint64_t{17} << 32;
  stack_ = {0x21, marker, 0, 0x2000};
  FramePointer(kStack + 16);
  Unwind();
  ASSERT_EQ(words_.size(), 1U);
  EXPECT_EQ(words_[0].function, 0U);
}

TEST_F(UnwinderTest, ABuiltinThatGeneratedCodeHasJustCalledKeepsWhereToReturn) {
  code_.code = {{0x1000, FramePointerCode()}, {0x1fff, GeneratedCode()}, {0x2fff, Outermost()}};
  stack_ = {0x2000, 0x21, 0x11, 0, 0x3000};
  FramePointer(kStack + 24);
  Unwind();
  ASSERT_EQ(words_.size(), 1U);
  EXPECT_EQ(words_[0].return_address, 0x2000U);
  stack_[0] = 0x3000;
  Unwind();
  EXPECT_TRUE(words_.empty());
}

constexpr uint8_t kRbx = 3;

/// CFA = stack pointer + `size`; the return address and rbx below it.
CfiRow SavesRbx(int64_t size, int64_t rbx) {
  CfiRow row{.cfa_register = kX86_64.stack_pointer,
             .cfa_offset = size,
             .return_address = kX86_64.return_address};
  row.rules[kX86_64.return_address] = {RegisterRule::Kind::kOffset, -8};
  row.rules[kRbx] = {RegisterRule::Kind::kOffset, rbx};
  return row;
}

/// CFA = rbx + 16, as in the dynamic linker's lazy binding.
CfiRow ByRbx() {
  CfiRow row{.cfa_register = kRbx, .cfa_offset = 16, .return_address = kX86_64.return_address};
  row.rules[kX86_64.return_address] = {RegisterRule::Kind::kOffset, -8};
  return row;
}

TEST_F(UnwinderTest, AFrameIsFoundByARegisterThatAnInnerOneHasSaved) {
  const CfiRow by_rbx = ByRbx();
  Code caller = Known({.kind = UnwindRow::Kind::kRules});
  caller.rules = &by_rbx;
  code_.code = {{0x1000, Frame(32)}, {0x1fff, caller}, {0x2fff, Outermost()}};
  code_.rules = {{0x1000, SavesRbx(32, -24)}};
  // rbx as 0x1000 saved it leads to the last two words.
  stack_ = {0, kStack + 48, 0, 0x2000, 0, 0, 0, 0x3000};
  snapshot_.registers.Set(kRbx, 0xdead);
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000, 0x3000}));
}

TEST_F(UnwinderTest, ARegisterThatAnEpilogueHasRestoredIsNotReadFromBelowTheStack) {
  const CfiRow by_rbx = ByRbx();
  Code caller = Known({.kind = UnwindRow::Kind::kRules});
  caller.rules = &by_rbx;
  code_.code = {{0x1000, Frame(8)}, {0x1fff, caller}, {0x2fff, Outermost()}};
  // The row still says where rbx was saved, and that lies below the stack pointer already.
  code_.rules = {{0x1000, SavesRbx(8, -16)}};
  stack_ = {0x2000, 0, 0, 0x3000};
  snapshot_.registers.Set(kRbx, kStack + 16);
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000, 0x3000}));
}

TEST_F(UnwinderTest, ARegisterThatNobodySavedIsSaidToBeUnknownHoweverLittleWasCaptured) {
  const CfiRow by_rbx = ByRbx();
  Code caller = Known({.kind = UnwindRow::Kind::kRules});
  caller.rules = &by_rbx;
  code_.code = {{0x1000, Frame(16)}, {0x1fff, caller}};
  stack_ = {0, 0x2000, 0};
  snapshot_.cut = true;
  EXPECT_EQ(Unwind(), UnwindEnd::kRegisters);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000})) << "once";
}

TEST_F(UnwinderTest, OtherRegistersAreLookedForOnlyWhereOneIsNeeded) {
  code_.code = {{0x1000, Frame(16)}, {0x1fff, Outermost()}};
  stack_ = {0, 0x2000};
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_FALSE(code_.asked_for_rules);
}

TEST_F(UnwinderTest, ReturnAddressesAreLookedUpAtTheCallBeforeThem) {
  code_.code = {{0x1000, Frame(16)}, {0x1fff, Frame(8)}, {0x2fff, Outermost()}};
  stack_ = {0, 0x2000, 0x3000};
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000, 0x3000}));
}

TEST_F(UnwinderTest, ASavedFramePointerIsRestoredForWhoNeedsIt) {
  UnwindRow by_frame_pointer = Frame(16, -16).row;
  by_frame_pointer.kind = UnwindRow::Kind::kFramePointer;
  code_.code = {{0x1000, Frame(24, -16)}, {0x1fff, Known(by_frame_pointer)}, {0x2fff, Outermost()}};
  stack_ = {0, kStack + 40, 0x2000, 0, 0, 0, 0x3000};
  FramePointer(1);
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000, 0x3000}));
}

TEST_F(UnwinderTest, AFramePointerThatAnEpilogueHasRestoredIsKept) {
  UnwindRow by_frame_pointer = Frame(16).row;
  by_frame_pointer.kind = UnwindRow::Kind::kFramePointer;
  // Saved at CFA - 16, which lies below the stack pointer already.
  code_.code = {{0x1000, Frame(8, -16)}, {0x1fff, Known(by_frame_pointer)}, {0x2fff, Outermost()}};
  stack_ = {0x2000, 0, 0, 0x3000};
  FramePointer(kStack + 16);
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
}

TEST_F(UnwinderTest, CodeWithoutRowsIsLeftByItsFramePointer) {
  code_.code = {{0x1000, FramePointerCode()}, {0x1fff, Outermost()}};
  stack_ = {0, 0, kStack + 80, 0x2000};
  FramePointer(kStack + 16);
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000}));
}

TEST_F(UnwinderTest, CodeWithoutRowsAndFramePointersEndsTheStack) {
  code_.code = {{0x1000, Code{.state = Code::State::kKnown, .name = 7}}};
  stack_ = {0, 0, kStack + 80, 0x2000};
  FramePointer(kStack + 16);
  EXPECT_EQ(Unwind(), UnwindEnd::kNoRows);
  EXPECT_EQ(outcome_.name, 7U);
  EXPECT_EQ(frames_, Frames{0x1000});
}

TEST_F(UnwinderTest, AFramePointerOfZeroIsNoRoot) {
  code_.code = {{0x1000, FramePointerCode()}};
  stack_ = {0, 0};
  FramePointer(0);
  EXPECT_EQ(Unwind(), UnwindEnd::kFramePointer);
}

TEST_F(UnwinderTest, AFramePointerThatLeadsBackEndsTheStack) {
  code_.code = {{0x1000, FramePointerCode()}, {0x1fff, FramePointerCode()}};
  stack_ = {0, 0, kStack + 16, 0x2000};
  FramePointer(kStack + 16);
  EXPECT_EQ(Unwind(), UnwindEnd::kFramePointer);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000}));
}

TEST_F(UnwinderTest, AnEntryFunctionIsTheRootOfAWayByFramePointers) {
  Code entry = FramePointerCode();
  entry.row.entry = true;
  code_.code = {{0x1000, FramePointerCode()}, {0x1fff, entry}};
  stack_ = {0, 0x2000};
  FramePointer(kStack);
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000}));
}

TEST_F(UnwinderTest, AStackLongerThanWhatWasCapturedIsTruncated) {
  code_.code = {{0x1000, Frame(64)}};
  stack_ = {0, 0};
  snapshot_.cut = true;
  EXPECT_EQ(Unwind(), UnwindEnd::kStackBytes);
  snapshot_.cut = false;
  EXPECT_EQ(Unwind(), UnwindEnd::kNotCaptured) << "a page was not there when the stack was copied";
}

TEST_F(UnwinderTest, BehindTheCapturedBytesTheKernelsWalkGoesOn) {
  Code entry = FramePointerCode();
  entry.row.entry = true;
  code_.code = {{0x1000, FramePointerCode()},
                {0x1fff, FramePointerCode()},
                {0x2fff, FramePointerCode()},
                {0x3fff, entry}};
  stack_ = {kStack + 0x4000, 0x2000};
  FramePointer(kStack);
  snapshot_.cut = true;
  const Frames chain = {0x1000, 0x2000, 0x3000, 0x4000};
  snapshot_.chain = chain;
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, chain);
}

TEST_F(UnwinderTest, TheKernelsWalkGoesOnThroughRowsOfFramesThatAreLinked) {
  UnwindRow linked = Frame(16, -16).row;
  linked.kind = UnwindRow::Kind::kFramePointer;
  code_.code = {{0x1000, Known(linked)}, {0x1fff, Known(linked)}, {0x2fff, Frame(24)}};
  stack_ = {0, 0};
  FramePointer(kStack + 0x4000);
  snapshot_.cut = true;
  const Frames chain = {0x1000, 0x2000, 0x3000, 0x4000};
  snapshot_.chain = chain;
  EXPECT_EQ(Unwind(), UnwindEnd::kStackBytes) << "of the last one the stack pointer is not known";
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000, 0x3000}));
}

TEST_F(UnwinderTest, TheKernelsWalkIsNotTrustedOnceTheFramePointerWasAnothers) {
  // The row restores a frame pointer from where the kernel did not look.
  code_.code = {{0x1000, Frame(24, -16)}, {0x1fff, FramePointerCode()}};
  stack_ = {0, kStack + 0x4000, 0x2000};
  FramePointer(kStack + 0x5000);
  snapshot_.cut = true;
  const Frames chain = {0x1000, 0x9000, 0xa000};
  snapshot_.chain = chain;
  EXPECT_EQ(Unwind(), UnwindEnd::kStackBytes);
}

TEST_F(UnwinderTest, AFunctionThatHasNotSetItsFramePointerYetIsLeftByItsSize) {
  Code unfinished = FramePointerCode();
  unfinished.row.cfa_offset = 16;
  Code entry = FramePointerCode();
  entry.row.entry = true;
  code_.code = {{0x1000, unfinished}, {0x1fff, FramePointerCode()}, {0x2fff, entry}};
  stack_ = {0, 0x2000, 0, 0x3000};
  FramePointer(kStack + 16);
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000, 0x3000}));
}

TEST_F(UnwinderTest, AStubWithoutRowsIsLeftByTheAddressOnTopOfTheStack) {
  Code stub = FramePointerCode();
  stub.row.cfa_offset = 8;
  code_.code = {{0x1000, stub}, {0x1fff, Outermost()}, {0x2fff, Outermost()}};
  stack_ = {0x2000, 0, 0x3000};
  FramePointer(kStack + 8);
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000}));
  // What lies there is no code: its frame pointer is.
  stack_[0] = 0x66666;
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x3000}));
}

TEST_F(UnwinderTest, WhereAThreadBeginsInTheMiddleOfAFunctionNothingCalledIt) {
  Code clone = FramePointerCode();
  clone.row.cfa_offset = 8;
  clone.row.entry = true;
  code_.code = {{0x1000, clone}, {0x1fff, Outermost()}};
  stack_ = {0x2000};
  FramePointer(1);
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000}));
  stack_ = {0};
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, Frames{0x1000}) << "the new thread";
}

TEST_F(UnwinderTest, AWayToWhatIsNoCodeWasWrong) {
  code_.code = {{0x1000, Frame(8)}};
  stack_ = {0x666};
  EXPECT_EQ(Unwind(), UnwindEnd::kReturnAddress);
  stack_ = {0x66666};
  EXPECT_EQ(Unwind(), UnwindEnd::kReturnAddress);
  EXPECT_EQ(frames_, Frames{0x1000});
}

TEST_F(UnwinderTest, ARecursionWithoutEndIsCut) {
  code_.code = {{0x1000, Frame(8)}, {0x1fff, Frame(8)}};
  stack_.assign(5000, 0x2000);
  EXPECT_EQ(Unwind(), UnwindEnd::kDepth);
  EXPECT_EQ(frames_.size(), Unwinder::kMaxFrames);
}

TEST_F(UnwinderTest, WhatASignalInterruptedIsLookedUpAsItIs) {
  CfiRow rules{.cfa_register = kX86_64.stack_pointer, .return_address = 16, .signal_frame = true};
  rules.rules[16] = {RegisterRule::Kind::kOffset, 0};
  rules.rules[kX86_64.stack_pointer] = {RegisterRule::Kind::kOffset, 8};
  Code handler = Known({.kind = UnwindRow::Kind::kRules, .signal_frame = true});
  handler.rules = &rules;
  code_.code = {{0x1000, Frame(8)}, {0x1fff, handler}, {0x5000, Outermost()}};
  stack_ = {0x2000, 0x5000, kStack + 32, 0, 0};
  EXPECT_EQ(Unwind(), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000 | kExactAddress, 0x5000 | kExactAddress}));
}

TEST_F(UnwinderTest, OfASignalOnAStackOfItsOwnWhatItInterruptedIsTheLast) {
  CfiRow rules{.cfa_register = kX86_64.stack_pointer, .return_address = 16, .signal_frame = true};
  rules.rules[16] = {RegisterRule::Kind::kOffset, 0};
  rules.rules[kX86_64.stack_pointer] = {RegisterRule::Kind::kOffset, 8};
  Code handler = Known({.kind = UnwindRow::Kind::kRules, .signal_frame = true});
  handler.rules = &rules;
  code_.code = {{0x1000, Frame(8)}, {0x1fff, handler}, {0x5000, Frame(8)}};
  stack_ = {0x2000, 0x5000, kStack + 0x8000'0000, 0x3000, 0};
  EXPECT_EQ(Unwind(), UnwindEnd::kOtherStack);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000 | kExactAddress, 0x5000 | kExactAddress}));
  stack_[1] = 0x66666;
  EXPECT_EQ(Unwind(), UnwindEnd::kOtherStack);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000 | kExactAddress})) << "that is no code";
}

TEST_F(UnwinderTest, WhereNothingIsKnownToBeMappedAFramePointerProvesNothing) {
  code_.code = {{0x1fff, Outermost()}};
  stack_ = {0, 0x2000};
  FramePointer(kStack);
  EXPECT_EQ(Unwind(), UnwindEnd::kLateRows);
  EXPECT_EQ(frames_, Frames{0x1000});
}

TEST_F(UnwinderTest, WhatIsStillBeingReadIsPending) {
  code_.code = {{0x1000, Frame(8)}, {0x1fff, Code{.state = Code::State::kPending, .name = 3}}};
  stack_ = {0x2000};
  EXPECT_EQ(Unwind(), UnwindEnd::kPending);
  EXPECT_EQ(outcome_.name, 3U);
}

TEST_F(UnwinderTest, OnAarch64ALeafReturnsByItsLinkRegister) {
  UnwindRow leaf{.return_address_offset = UnwindRow::kKept, .kind = UnwindRow::Kind::kStackPointer};
  UnwindRow caller{.cfa_offset = 32,
                   .frame_pointer_offset = -32,
                   .return_address_offset = -24,
                   .kind = UnwindRow::Kind::kStackPointer};
  code_.code = {{0x1000, Known(leaf)}, {0x1fff, Known(caller)}, {0x2fff, Outermost()}};
  stack_ = {kStack + 64, 0x00ff'0000'0000'3000, 0, 0};
  snapshot_.registers.Set(kAarch64.return_address, 0x2000);
  EXPECT_EQ(Unwind(kAarch64), UnwindEnd::kComplete);
  EXPECT_EQ(frames_, (Frames{0x1000, 0x2000, 0x3000})) << "a signature is no part of an address";
}

}  // namespace
}  // namespace sonde
