// Frames are named by the functions whose code they run, and by nothing that does not hold.
#include "core/v8/frame_namer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "v8/forged_heap.h"

namespace sonde {
namespace {

using test::ForgedHeap;
using test::kBaselineKind;
using test::kRegExpKind;
using test::kTurbofanKind;
using State = V8Answer::State;

class FrameNamerTest : public testing::Test {
 protected:
  /// A function at line 4 of its script, interpreted.
  struct Interpreted {
    V8Object bytecode, shared, function;
  };
  Interpreted Make(const std::string& name) {
    Interpreted made{.bytecode = heap_.Bytecode(), .shared = 0, .function = 0};
    made.shared = heap_.Shared(made.bytecode, heap_.ScopeInfo(heap_.Text(name), 0, 12), script_);
    made.function = heap_.Function(made.shared);
    return made;
  }
  std::string Names(const V8Frame& frame, uint64_t now = 1000) {
    now_ = now;
    const V8Answer answer = namer_.Name(frame);
    state_ = answer.state;
    std::string names;
    for (const V8FunctionPtr& function : answer.functions) names += function->name + ";";
    return names;
  }
  /// `frame` of optimised code.
  static V8Frame At(uint64_t address, V8Object function, uint64_t time = 500) {
    return {.generated = true, .address = address, .time = time, .function = function};
  }

  ForgedHeap heap_;
  V8Object script_ =
      heap_.Script(heap_.Text("/app/server.js"), heap_.Text("//\n//\n//\n0123456789"));
  uint64_t now_ = 1;
  /// What passes between two looks at the clock.
  uint64_t takes_ = 0;
  V8FrameNamer namer_{heap_, heap_.layout, [this] { return std::exchange(now_, now_ + takes_); }};
  State state_ = State::kLate;
};

TEST_F(FrameNamerTest, AnInterpretedFrameIsTheFunctionWhoseBytecodeStandsInIt) {
  const auto work = Make("work");
  const V8Answer answer = namer_.Name({.function = work.function, .bytecode_array = work.bytecode});
  ASSERT_EQ(answer.state, State::kNamed);
  EXPECT_EQ(*answer.functions.at(0),
            (V8Function{.name = "work", .file = "/app/server.js", .line = 4}));
}

TEST_F(FrameNamerTest, AClosureOfAnotherFunctionNamesNothing) {
  const auto work = Make("work");
  const auto other = Make("other");
  EXPECT_EQ(Names({.function = other.function, .bytecode_array = work.bytecode}), "");
  EXPECT_EQ(state_, State::kMoved);
}

TEST_F(FrameNamerTest, AClosureThatMovedIsFoundWhereItWent) {
  const auto work = Make("work");
  const V8Object old = heap_.Function(work.shared);
  heap_.PutField(old, 0, work.function - 1);
  EXPECT_EQ(Names({.function = old, .bytecode_array = work.bytecode}), "work;");
}

TEST_F(FrameNamerTest, AClosureThatIsGoneIsNotNeededWhereTheBytecodeIsKnownOrTheFeedbackSaysIt) {
  const auto work = Make("work");
  EXPECT_EQ(Names({.function = 7, .bytecode_array = work.bytecode}), "");
  const V8Object feedback = heap_.Object(test::kOtherType, {0, 0, work.shared});
  EXPECT_EQ(Names({.function = 7, .bytecode_array = work.bytecode, .feedback = {0, feedback}}),
            "work;");
  EXPECT_EQ(Names({.time = 1500, .function = 7, .bytecode_array = work.bytecode}, 2000), "work;");
  // Its bytecode was thrown away and made anew: what was known holds no more.
  heap_.PutField(work.shared, 8, heap_.Bytecode());
  EXPECT_EQ(Names({.time = 2500, .function = 7, .bytecode_array = work.bytecode}, 3000), "");
}

TEST_F(FrameNamerTest, BytecodeThatWasSeenAfterTheSampleSaysNothingOfIt) {
  const auto work = Make("work");
  EXPECT_EQ(Names({.time = 900, .function = work.function, .bytecode_array = work.bytecode}, 1000),
            "work;");
  // Then another function's may have stood there.
  EXPECT_EQ(Names({.time = 500, .function = 7, .bytecode_array = work.bytecode}, 1100), "");
  EXPECT_EQ(state_, State::kMoved);
  EXPECT_EQ(Names({.time = 1050, .function = 7, .bytecode_array = work.bytecode}, 1100), "work;");
}

TEST_F(FrameNamerTest, WhatIsSeenIsSeenWhenItHasBeenReadNotWhenTheQuestionBegan) {
  const auto work = Make("work");
  takes_ = 300;
  EXPECT_EQ(Names({.time = 900, .function = work.function, .bytecode_array = work.bytecode}, 1000),
            "work;");
  takes_ = 0;
  EXPECT_EQ(Names({.time = 1200, .function = 7, .bytecode_array = work.bytecode}, 2000), "");
  EXPECT_EQ(Names({.time = 1400, .function = 7, .bytecode_array = work.bytecode}, 2000), "work;");
}

TEST_F(FrameNamerTest, BaselineCodeIsTheFunctionOfItsBytecode) {
  const auto work = Make("work");
  const V8Object code = heap_.Code(kBaselineKind, 128, work.bytecode);
  heap_.PutField(work.shared, 8, code);
  EXPECT_EQ(Names(At(heap_.StartOf(code) + 100, work.function)), "work;");
  EXPECT_EQ(Names({.function = work.function, .bytecode_array = work.bytecode}), "work;");
  const uint64_t address = heap_.StartOf(code) + 100;
  EXPECT_EQ(Names(At(address, 0, 1100), 1200), "work;") << "it was there before and after";
}

TEST_F(FrameNamerTest, BaselineCodeOfAKnownFunctionThatCameToAnAddressAfterTheSampleNamesNothing) {
  const auto other = Make("other");
  EXPECT_EQ(Names({.function = other.function, .bytecode_array = other.bytecode}, 100), "other;");
  // At 500 another function's code ran there: its closure has moved, and its code has been freed.
  const V8Object code = heap_.Code(kBaselineKind, 128, other.bytecode);
  const uint64_t address = heap_.StartOf(code) + 100;
  EXPECT_EQ(Names(At(address, 7, 500), 1000), "");
  EXPECT_EQ(state_, State::kMoved);
  V8Frame frame = At(address, 7, 500);
  frame.bytecode_array = Make("work").bytecode;
  EXPECT_EQ(Names(frame, 1000), "");
  frame.bytecode_array = other.bytecode;
  EXPECT_EQ(Names(frame, 1000), "other;");
  EXPECT_EQ(Names(At(address, other.function, 500), 1000), "other;");
}

TEST_F(FrameNamerTest, ARegularExpressionIsOneWhereItsCodeWasThereBeforeTheSample) {
  const V8Object code = heap_.Code(kRegExpKind, 128, 0);
  const uint64_t address = heap_.StartOf(code) + 100;
  EXPECT_EQ(Names(At(address, 0, 500), 1000), "");
  EXPECT_EQ(state_, State::kMoved);
  EXPECT_EQ(Names(At(address, 0, 1100), 1200), "(regular expression);");
  EXPECT_EQ(Names(At(address, 0, 900), 1200), "");
}

TEST_F(FrameNamerTest, OptimisedCodeIsNamedWhereTheClosureAgreesOrTheCodeWasThereBefore) {
  const auto work = Make("work");
  const V8Object code = heap_.Code(kTurbofanKind, 5000, heap_.Optimized(work.shared));
  const uint64_t address = heap_.StartOf(code) + 4990;
  EXPECT_EQ(Names(At(address, Make("other").function, 500), 1000), "");
  EXPECT_EQ(state_, State::kMoved);
  EXPECT_EQ(Names(At(address, 0, 900), 2000), "");
  EXPECT_EQ(Names(At(address, 0, 1100), 2000), "work;");
  EXPECT_EQ(Names(At(heap_.StartOf(code), work.function, 1)), "work;");
  EXPECT_EQ(Names(At(heap_.StartOf(code) + 5000, work.function)), "");
  EXPECT_EQ(state_, State::kNoCode);
}

TEST_F(FrameNamerTest, CodeThatWasReplacedIsNotWhatItWas) {
  const auto work = Make("work");
  const auto other = Make("other");
  const V8Object code = heap_.Code(kTurbofanKind, 128, heap_.Optimized(work.shared));
  const uint64_t address = heap_.StartOf(code) + 5;
  EXPECT_EQ(Names(At(address, work.function, 500), 1000), "work;");
  heap_.PutField(code, 8, heap_.Optimized(other.shared));
  EXPECT_EQ(Names(At(address, 0, 1100), 1200), "");
  EXPECT_EQ(Names(At(address, other.function, 1100), 1200), "other;");
}

TEST_F(FrameNamerTest, WhatIsInlinedStandsBeforeWhatItIsInlinedInto) {
  const auto outer = Make("outer");
  const auto middle = Make("middle");
  const auto inner = Make("inner");
  // Calls: 1 of middle, in outer; 2 of inner, in call 1. Instructions: outer 0-9, call 1 10-29, call 2 30-49, outer 50-.
  const auto call = [](uint64_t number) { return number << 31; };
  std::vector<uint8_t> calls(32);
  const uint64_t words[] = {call(0), 0, call(1), 1};
  std::memcpy(calls.data(), words, sizeof(words));
  const V8Object literals = heap_.Array({middle.shared | 2, inner.shared});
  std::vector<uint8_t> positions;
  const auto append = [&positions](int64_t value) {
    for (auto bits = static_cast<uint64_t>(value < 0 ? -value * 2 - 1 : value * 2);; bits >>= 7) {
      positions.push_back(static_cast<uint8_t>((bits & 0x7f) | (bits > 0x7f ? 0x80 : 0)));
      if (bits <= 0x7f) break;
    }
  };
  for (const auto& [step, change] :
       {std::pair{0LL, 5LL}, {10LL, 1LL << 31}, {-21LL, 1LL << 31}, {20LL, -(2LL << 31)}}) {
    append(step);
    append(change);
  }
  const V8Object code =
      heap_.Code(kTurbofanKind, 128, heap_.Optimized(outer.shared, heap_.Bytes(calls), literals),
                 heap_.Bytes(positions));
  const auto at = [&](uint64_t offset) {
    return Names(At(heap_.StartOf(code) + offset, outer.function));
  };
  EXPECT_EQ(at(9), "outer;");
  EXPECT_EQ(at(10), "middle;outer;");
  EXPECT_EQ(at(29), "middle;outer;");
  EXPECT_EQ(at(30), "inner;middle;outer;");
  EXPECT_EQ(at(50), "outer;");
  // A literal that is no function: the code's own function still holds.
  const V8Object odd =
      heap_.Code(kTurbofanKind, 128,
                 heap_.Optimized(outer.shared, heap_.Bytes(calls), heap_.Array({script_, script_})),
                 heap_.Bytes(positions));
  EXPECT_EQ(Names(At(heap_.StartOf(odd) + 10, outer.function)), "outer;");
}

TEST_F(FrameNamerTest, ABuiltinWithoutAFrameIsItsCallersWhereTheFrameAgrees) {
  const auto work = Make("work");
  const V8Object code = heap_.Code(kTurbofanKind, 128, heap_.Optimized(work.shared));
  V8Frame frame{
      .function = work.function, .bytecode_array = 99, .return_address = heap_.StartOf(code) + 64};
  EXPECT_EQ(Names(frame), ";work;");
  // A leftover of another call in a builtin's own frame.
  frame.function = Make("other").function;
  frame.time = UINT64_MAX;
  EXPECT_EQ(Names(frame), "");
}

TEST_F(FrameNamerTest, ALeftoverInABuiltinsOwnFrameNamesNothing) {
  const auto work = Make("work");
  EXPECT_EQ(Names({.time = 900, .function = work.function, .bytecode_array = work.bytecode}, 1000),
            "work;");
  const V8Object builtin = heap_.Function(heap_.Shared(0x7'0000'0000, 0, script_));
  EXPECT_EQ(Names({.time = 1500, .function = builtin, .bytecode_array = work.bytecode}, 2000), "");
  EXPECT_EQ(state_, State::kNoCode);
}

TEST_F(FrameNamerTest, ALeftoverInTheFrameOfABuiltinsCallerNamesNothing) {
  const auto work = Make("work");
  EXPECT_EQ(Names({.time = 900, .function = work.function, .bytecode_array = work.bytecode}, 1000),
            "work;");
  V8Frame frame{.innermost = true,
                .time = 1500,
                .function = Make("caller").function,
                .bytecode_array = work.bytecode};
  EXPECT_EQ(Names(frame, 2000), "");
  frame.function = work.function;
  EXPECT_EQ(Names(frame, 2000), "work;");
  const V8Object code = heap_.Code(kTurbofanKind, 128, heap_.Optimized(Make("fast").shared));
  frame.return_address = heap_.StartOf(code) + 64;
  EXPECT_EQ(Names(frame, 2000), "work;") << "the return address is a leftover";
}

TEST_F(FrameNamerTest, WhatIsKeptOfAProcessIsBoundedInBytes) {
  size_t most = 0;
  for (int number = 0; number < 1200; number++) {
    script_ = heap_.Script(heap_.Text("/" + std::string(4000, 'a')), heap_.Text("//\n"));
    const auto work = Make("work");
    EXPECT_EQ(Names({.function = work.function, .bytecode_array = work.bytecode}), "work;");
    most = std::max(most, namer_.kept_bytes());
  }
  EXPECT_LT(most, V8FrameNamer::kMaxKeptBytes + (1 << 20));
  EXPECT_GT(most, V8FrameNamer::kMaxKeptBytes - (1 << 20)) << "paths are counted";
  EXPECT_LT(namer_.kept_bytes(), V8FrameNamer::kMaxKeptBytes / 2);
}

TEST_F(FrameNamerTest, MemoryThatCannotBeReadNamesNothing) {
  EXPECT_EQ(Names({.function = 0x7fff'0000'0001, .bytecode_array = 0x7fff'0000'1001}), "");
  EXPECT_EQ(Names(At(0x7fff'0000'0000, 0x7fff'0000'0001)), "");
  EXPECT_EQ(Names(At(UINT64_MAX, UINT64_MAX)), "");
}

}  // namespace
}  // namespace sonde
