// What is inlined is told by tables of the process; those that lie tell nothing.
#include "core/v8/inlining.h"

#include <gtest/gtest.h>

#include "v8/forged_heap.h"

namespace sonde {
namespace {

using test::ForgedHeap;
using test::kTurbofanKind;

/// Source positions as V8 writes them: steps of instructions and changes of the position, both signed, seven bits a byte.
class Positions {
 public:
  /// From `step` bytes further on, instructions are of this call.
  Positions& Call(int64_t step, int64_t call) {
    Append(step);
    Append((call << 31) - position_);
    position_ = call << 31;
    return *this;
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  void Append(int64_t value) {
    for (auto bits = static_cast<uint64_t>(value < 0 ? -value * 2 - 1 : value * 2);; bits >>= 7) {
      bytes_.push_back(static_cast<uint8_t>((bits & 0x7f) | (bits > 0x7f ? 0x80 : 0)));
      if (bits <= 0x7f) return;
    }
  }

  std::vector<uint8_t> bytes_;
  int64_t position_ = 0;
};

class InliningTest : public testing::Test {
 protected:
  /// The call at each of three places of code with such positions.
  std::vector<uint32_t> CallsOf(const std::vector<uint8_t>& positions) {
    const auto code =
        ReadCode(heap_, forged_.Code(kTurbofanKind, 128, 0, forged_.Bytes(positions)));
    const auto inlined = V8InlinedCode::Read(heap_, *code);
    return {inlined.CallAt(*code, code->start), inlined.CallAt(*code, code->start + 20),
            inlined.CallAt(*code, code->start + 100)};
  }
  struct Call {
    uint64_t outer, literal;
  };
  /// The functions of a call, of code with these calls and literals.
  std::vector<V8Object> FunctionsOf(uint32_t call, const std::vector<Call>& calls,
                                    const std::vector<uint64_t>& literals) {
    std::vector<uint8_t> bytes(calls.size() * 16);
    for (size_t i = 0; i < calls.size(); i++) {
      const uint64_t words[] = {calls[i].outer << 31, calls[i].literal};
      std::memcpy(bytes.data() + i * 16, words, sizeof(words));
    }
    const V8Object data = forged_.Optimized(0, forged_.Bytes(bytes), forged_.Array(literals));
    const auto code = ReadCode(heap_, forged_.Code(kTurbofanKind, 128, data));
    return V8InlinedCode::FunctionsOf(heap_, *code, call);
  }

  ForgedHeap forged_;
  V8Heap heap_{forged_, forged_.layout};
  V8Object one_ = forged_.Shared(0, 0, 0);
  V8Object two_ = forged_.Shared(0, 0, 0);
};

using Calls = std::vector<uint32_t>;
using Functions = std::vector<V8Object>;

TEST_F(InliningTest, AStretchBelongsToTheCallThatItsPositionNames) {
  EXPECT_EQ(CallsOf(Positions().Call(0, 0).Call(10, 1).Call(20, 2).bytes()), (Calls{0, 1, 2}));
  EXPECT_EQ(CallsOf(Positions().Call(5, 0).bytes()), (Calls{0, 0, 0}));
}

TEST_F(InliningTest, ATableThatEndsWithinANumberOrBehindItsCodeTellsNothing) {
  auto bytes = Positions().Call(10, 1).bytes();
  bytes.push_back(0x80);
  EXPECT_EQ(CallsOf(bytes), (Calls{0, 0, 0}));
  EXPECT_EQ(CallsOf(Positions().Call(10, 1).Call(119, 2).bytes()), (Calls{0, 0, 0}));
  EXPECT_EQ(CallsOf(Positions().Call(10, 1).Call(118, 2).bytes()), (Calls{0, 1, 1}));
  EXPECT_EQ(CallsOf(std::vector<uint8_t>(20, 0xff)), (Calls{0, 0, 0}));
}

TEST_F(InliningTest, ACallStandsForAllThatItLiesIn) {
  const std::vector<Call> calls = {{0, 0}, {1, 1}, {2, 0}};
  EXPECT_EQ(FunctionsOf(3, calls, {one_, two_}), (Functions{one_, two_, one_}));
  EXPECT_EQ(FunctionsOf(1, calls, {one_ | 2, two_}), (Functions{one_})) << "held weakly";
  EXPECT_EQ(FunctionsOf(0, calls, {one_, two_}), Functions{});
}

TEST_F(InliningTest, CallsThatLieInThemselvesOrNowhereHaveNoFunctions) {
  EXPECT_EQ(FunctionsOf(1, {{1, 0}}, {one_}), Functions{}) << "in itself";
  EXPECT_EQ(FunctionsOf(1, {{2, 0}, {1, 0}}, {one_}), Functions{}) << "in one another";
  EXPECT_EQ(FunctionsOf(2, {{0, 0}}, {one_}), Functions{}) << "beyond the table";
  EXPECT_EQ(FunctionsOf(1, {{0, 7}}, {one_}), Functions{}) << "a literal beyond the array";
  EXPECT_EQ(FunctionsOf(1, {{0, UINT32_MAX}}, {one_}), Functions{});
  EXPECT_EQ(FunctionsOf(1, {{0, 0}}, {forged_.Text("no function")}), Functions{});
}

}  // namespace
}  // namespace sonde
