// A raw call chain becomes frames: kernel and user apart, each in the mapping of the sample's time.
#include "core/perf/stack_resolver.h"

#include <gtest/gtest.h>

#include "perf/record_bytes.h"

namespace sonde {
namespace {

using test::kKernelMarker;
using test::kUserMarker;

/// No process of the machine: pids end at 4,194,304.
constexpr uint32_t kPid = 5'000'000;
constexpr uint32_t kMaxStack = 127;
constexpr uint64_t kGuestMarker = static_cast<uint64_t>(-2048);

class StackResolverTest : public testing::Test {
 protected:
  void SetUp() override { processes_.BeginWindow(strings_); }

  void Map(uint64_t time, uint64_t start, uint64_t end, const std::string& path) {
    processes_.Apply({.kind = ProcessEventKind::kMmap,
                      .time = time,
                      .pid = kPid,
                      .tid = kPid,
                      .text = path,
                      .start = start,
                      .end = end});
  }
  void Exit(uint64_t time) {
    processes_.Apply({.kind = ProcessEventKind::kExit, .time = time, .pid = kPid, .tid = kPid});
  }

  /// The stack of `chain` at `time`, leaf first, a word per frame.
  std::vector<std::string> Resolve(const std::vector<uint64_t>& chain, uint64_t time = 100,
                                   uint32_t max_stack = kMaxStack) {
    const uint32_t raw = *raw_.Intern(kPid, chain);
    StackResolver resolver(raw_, {unwind_names_, known_functions_},
                           {processes_, mappings_, strings_, functions_, frames_, stacks_});
    stack_ = resolver.Resolve(raw, time, max_stack);
    EXPECT_EQ(resolver.Resolve(raw, time, max_stack), stack_);
    std::vector<std::string> words;
    for (uint32_t at = stacks_.offsets()[stack_]; at < stacks_.offsets()[stack_ + 1]; at++) {
      words.push_back(WordOf(frames_.frames()[stacks_.frames()[at]]));
    }
    return words;
  }
  StackState State() const { return static_cast<StackState>(stacks_.states()[stack_]); }

  std::string WordOf(const Frame& frame) const {
    if (frame.kind == FrameKind::kReason) return strings_.texts()[frame.address];
    const std::string place = frame.kind == FrameKind::kKernel
                                  ? "kernel"
                                  : mappings_.rows()[frame.mapping].range.image->path;
    return place + (frame.return_address ? " caller " : " leaf ") + std::to_string(frame.address);
  }

  /// As Resolve, of a chain that was unwound here.
  std::vector<std::string> ResolveUnwound(const UnwoundChain& chain) {
    std::vector<uint64_t> words;
    chain.AppendTo(words);
    return Resolve(words);
  }

  StackInterner raw_{1 << 20, 7};
  std::vector<std::string> unwind_names_ = {"", "libodd.so"};
  StringTable strings_;
  ProcessTable processes_;
  MappingTable mappings_;
  FrameFunctions known_functions_;
  FunctionTable functions_;
  FrameTable frames_;
  StackTable stacks_;
  uint32_t stack_ = 0;
};

using Words = std::vector<std::string>;

TEST_F(StackResolverTest, MarkersSeparateKernelFromUserAndBeginWithAnInstruction) {
  Map(10, 10'000, 20'000, "/bin/app");
  EXPECT_EQ(Resolve({kKernelMarker, 900'000, 900'100, kUserMarker, 10'010, 10'020}),
            (Words{"kernel leaf 900000", "kernel caller 900100", "/bin/app leaf 10010",
                   "/bin/app caller 10020"}));
  EXPECT_EQ(State(), StackState::kUnverified);
}

TEST_F(StackResolverTest, FramesOfAGuestBelongToNoProcessHere) {
  Map(10, 10'000, 20'000, "/bin/app");
  EXPECT_EQ(Resolve({kGuestMarker, 10'010, kUserMarker, 10'020}), Words{"/bin/app leaf 10020"});
}

TEST_F(StackResolverTest, AMarkerInUserMemoryIsNoMarker) {
  Map(10, 10'000, 20'000, "/bin/hostile");
  EXPECT_EQ(Resolve({kUserMarker, 10'010, kKernelMarker, 0xffffffff81000000}),
            (Words{"/bin/hostile leaf 10010", "[broken: bad frame pointer]"}));
  EXPECT_EQ(State(), StackState::kBroken);
}

TEST_F(StackResolverTest, TheSameChainMeansWhatWasMappedAtItsTime) {
  Map(10, 10'000, 20'000, "/lib/old");
  Map(50, 10'000, 20'000, "/lib/new");
  EXPECT_EQ(Resolve({kUserMarker, 10'010}, 49), Words{"/lib/old leaf 10010"});
  EXPECT_EQ(Resolve({kUserMarker, 10'010}, 50), Words{"/lib/new leaf 10010"});
  EXPECT_EQ(Resolve({kUserMarker, 10'010}, 9), Words{"/lib/old leaf 10010"});
}

TEST_F(StackResolverTest, WhatAnExitedProcessRanIsStillKnown) {
  Map(10, 10'000, 20'000, "/bin/brief");
  Exit(50);
  EXPECT_EQ(Resolve({kUserMarker, 10'010}, 40), Words{"/bin/brief leaf 10010"});
}

TEST_F(StackResolverTest, AReturnAddressJustBehindAMappingBelongsToIt) {
  Map(10, 10'000, 20'000, "/bin/app");
  Map(10, 20'000, 30'000, "/lib/next");
  EXPECT_EQ(Resolve({kUserMarker, 20'000, 20'000}),
            (Words{"/lib/next leaf 20000", "/bin/app caller 20000"}));
}

TEST_F(StackResolverTest, AnAddressWhereNothingIsMappedIsUnknown) {
  Map(10, 10'000, 20'000, "/bin/app");
  EXPECT_EQ(Resolve({kUserMarker, 10'010, 70'000}),
            (Words{"/bin/app leaf 10010", "[unknown] caller 70000"}));
}

TEST_F(StackResolverTest, AProcessThatNobodyReportedIsUnknownAsAWhole) {
  EXPECT_EQ(Resolve({kUserMarker, 10'010}), Words{"[unknown] leaf 10010"});
}

TEST_F(StackResolverTest, WhatAWalkFindsBehindTheOutermostFrameIsNoFrame) {
  Map(10, 10'000, 20'000, "/bin/app");
  EXPECT_EQ(Resolve({kUserMarker, 10'010, 0}), Words{"/bin/app leaf 10010"});
  // A jump to nowhere is a leaf, and worth seeing.
  EXPECT_EQ(Resolve({kUserMarker, 0}), Words{"[unknown] leaf 0"});
}

TEST_F(StackResolverTest, AChainAsLongAsTheKernelWalksSaysThatItWasCut) {
  Map(10, 10'000, 20'000, "/bin/app");
  const std::vector<uint64_t> chain = {kKernelMarker, 900'000, kUserMarker, 10'010, 10'020};
  Resolve(chain, 100, 4);
  EXPECT_EQ(State(), StackState::kUnverified) << "markers do not count";
  EXPECT_EQ(Resolve(chain, 100, 3).back(), "[truncated: max stack]");
  EXPECT_EQ(State(), StackState::kBroken);
}

TEST_F(StackResolverTest, AnUnwoundStackIsCompleteOrEndsWithItsReason) {
  Map(10, 10'000, 20'000, "/bin/app");
  const std::vector<uint64_t> kernel = {900'000};
  const std::vector<uint64_t> user = {10'010, 10'020};
  EXPECT_EQ(ResolveUnwound({.kernel = kernel, .user = user}),
            (Words{"kernel leaf 900000", "/bin/app leaf 10010", "/bin/app caller 10020"}));
  EXPECT_EQ(State(), StackState::kComplete);
  EXPECT_EQ(ResolveUnwound({.user = user, .outcome = {UnwindEnd::kNoRows, 1}}).back(),
            "[broken: no unwind rows in libodd.so]");
  EXPECT_EQ(State(), StackState::kBroken);
}

TEST_F(StackResolverTest, WhatASignalInterruptedIsNoReturnAddress) {
  Map(10, 10'000, 20'000, "/bin/app");
  const std::vector<uint64_t> user = {10'010, 10'020, 10'030 | kExactAddress};
  EXPECT_EQ(ResolveUnwound({.user = user}),
            (Words{"/bin/app leaf 10010", "/bin/app caller 10020", "/bin/app leaf 10030"}));
}

TEST_F(StackResolverTest, AThreadOfTheKernelHasNoUserPart) {
  Resolve({kKernelMarker, 900'000});
  EXPECT_EQ(State(), StackState::kKernel);
}

}  // namespace
}  // namespace sonde
