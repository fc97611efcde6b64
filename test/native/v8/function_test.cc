// Names, files and lines of functions, out of strings of every kind.
#include "core/v8/function.h"

#include <gtest/gtest.h>

#include "v8/forged_heap.h"

namespace sonde {
namespace {

using test::ForgedHeap;

class FunctionTest : public testing::Test {
 protected:
  std::optional<V8Function> DescribeWith(V8Object name, V8Object inferred, V8Object script,
                                         int32_t position = 0) {
    const V8Object shared = memory_.Shared(0, memory_.ScopeInfo(name, inferred, position), script);
    heap_.memory().Refill();
    return Describe(heap_, *ReadShared(heap_, shared), lines_);
  }
  std::string TextOf(V8Object string, size_t most = 100) {
    heap_.memory().Refill();
    return heap_.Text(string, most);
  }
  uint32_t LineAt(const std::string& source, int32_t position) {
    const V8Object script = memory_.Script(memory_.Text("a.js"), memory_.Text(source));
    return DescribeWith(memory_.Text("f"), 0, script, position)->line;
  }

  ForgedHeap memory_;
  V8Heap heap_{memory_, memory_.layout};
  V8Lines lines_;
};

TEST_F(FunctionTest, AFunctionWithoutANameHasTheOneThatV8InferredOrNone) {
  const V8Object script = memory_.Script(memory_.Text("a.js"), memory_.Text("x"));
  EXPECT_EQ(DescribeWith(memory_.Text(""), memory_.Text("exports.f"), script)->name, "exports.f");
  EXPECT_EQ(DescribeWith(memory_.Text("g"), memory_.Text("exports.f"), script)->name, "g");
  EXPECT_EQ(DescribeWith(0, 0, script)->name, "(anonymous)");
}

TEST_F(FunctionTest, FilesOfModulesArePathsAndUrlsOfElsewhereStay) {
  const auto file = [this](const std::string& name) {
    return DescribeWith(0, 0, memory_.Script(memory_.Text(name), memory_.Text("x")))->file;
  };
  EXPECT_EQ(file("file:///home/a%20b/%C3%A9%zz%0a.mjs"), "/home/a b/é%zz%0a.mjs");
  EXPECT_EQ(file("node:internal/timers"), "node:internal/timers");
  EXPECT_EQ(file("file://%"), "%");
  EXPECT_EQ(file("file:///gr%C3%B6%c3%9f%65/%E8%AE%A1%E7%AE%97"), "/größe/计算");
  const V8Object evaluated = memory_.Script(0, memory_.Text("x"));
  EXPECT_EQ(DescribeWith(0, 0, evaluated)->file, "");
  memory_.PutField(evaluated, 112, memory_.Text("named-by-comment.js"));
  EXPECT_EQ(DescribeWith(0, 0, evaluated)->file, "named-by-comment.js");
}

TEST_F(FunctionTest, EscapesThatAreNoCharactersOfAPathStayAsTheyAreWritten) {
  const auto file = [this](const std::string& name) {
    return DescribeWith(0, 0, memory_.Script(memory_.Text(name), memory_.Text("x")))->file;
  };
  EXPECT_EQ(file("file:///%9b2J"), "/%9b2J") << "no text";
  EXPECT_EQ(file("file:///%c2%9b2J%e2%80%ae"), "/%c2%9b2J%e2%80%ae") << "obeyed by terminals";
  EXPECT_EQ(file("file:///%41%c3%42%ff%43"), "/A%c3B%ffC");
  EXPECT_EQ(file("file:///%e8%ae"), "/%e8%ae") << "the begin of one";
  EXPECT_EQ(file("file:///%e0%82%9b"), "/%e0%82%9b") << "another spelling";
}

TEST_F(FunctionTest, LinesAreCountedAsV8CountsThem) {
  EXPECT_EQ(LineAt("one\ntwo", 3), 1U);
  EXPECT_EQ(LineAt("one\ntwo", 4), 2U);
  EXPECT_EQ(LineAt("a\r\nb\rc\nd", 7), 4U);
  EXPECT_EQ(LineAt("short", 1000), 0U);
  const V8Object wide = memory_.Script(0, memory_.WideText(u"a\u2028b\u2029c"));
  EXPECT_EQ(DescribeWith(0, 0, wide, 4)->line, 3U);
}

TEST_F(FunctionTest, LinesOfALargeSourceAreCountedOnceAndAreTheSame) {
  constexpr int32_t kStep = 16 << 10;
  // Ends of one and of two characters, one of them where a step ends.
  std::string source;
  while (source.size() < 5 * kStep) {
    source += source.size() % kStep == kStep - 1 || source.size() % 7 == 0 ? "\r\n" : "x\n";
  }
  const auto line_at = [&source](size_t position) {
    const std::string before = source.substr(0, position);
    uint32_t line = 1;
    for (size_t i = 0; i < before.size(); i++) {
      const bool second = i > 0 && before[i - 1] == '\r' && before[i] == '\n';
      if ((before[i] == '\n' || before[i] == '\r') && !second) line++;
    }
    return line;
  };
  const V8Object script = memory_.Script(memory_.Text("a.js"), memory_.Text(source));
  for (const int32_t position :
       {4 * kStep + 3, kStep, kStep - 1, kStep + 1, 3 * kStep, 2 * kStep - 1, 5}) {
    EXPECT_EQ(DescribeWith(0, 0, script, position)->line, line_at(static_cast<size_t>(position)))
        << position;
  }
  const unsigned before = memory_.reads;
  DescribeWith(0, 0, script, 4 * kStep + 3);
  EXPECT_LT(memory_.reads - before, 60U);
  // Another script in its place.
  memory_.PutField(script, 64, ForgedHeap::Smi(77));
  memory_.PutField(script, 8, memory_.Text("\n\n\n"));
  EXPECT_EQ(DescribeWith(0, 0, script, 2)->line, 3U);
}

TEST_F(FunctionTest, LinesComeFromTheArrayOfLineEndsWhereThereIsOne) {
  const V8Object script = memory_.Script(memory_.Text("a.js"), 0);
  memory_.PutField(script, 56,
                   memory_.Array({ForgedHeap::Smi(10), ForgedHeap::Smi(20), ForgedHeap::Smi(30)}));
  const auto line = [&](int32_t position) { return DescribeWith(0, 0, script, position)->line; };
  EXPECT_EQ(line(10), 1U);
  EXPECT_EQ(line(11), 2U);
  EXPECT_EQ(line(30), 3U);
  memory_.PutField(script, 24, ForgedHeap::Smi(100));
  EXPECT_EQ(line(11), 102U);
}

TEST_F(FunctionTest, StringsOfEveryKindAreRead) {
  const V8Object hello = memory_.Text("hello ");
  const V8Object world = memory_.WideText(u"w\u00f6rld");
  const V8Object both = memory_.Compound(33, 11, hello, world);
  EXPECT_EQ(TextOf(both), "hello wörld");
  EXPECT_EQ(TextOf(memory_.Compound(37, 11, both)), "hello wörld");
  EXPECT_EQ(TextOf(memory_.Compound(35, 4, both, ForgedHeap::Smi(4))), "o wö");
  const uint64_t outside = memory_.Allocate(64);
  memory_.Put(outside, std::array<char, 4>{'e', 'x', 't', '!'});
  EXPECT_EQ(TextOf(memory_.Compound(42, 4, 0, outside)), "ext!");
  EXPECT_EQ(TextOf(memory_.Compound(58, 4, 0, outside)), "");
  EXPECT_EQ(TextOf(both, 3), "hel");
  EXPECT_EQ(TextOf(memory_.Text("a\nb\x7f")), "a?b?");
  EXPECT_EQ(TextOf(memory_.Text("\x9b"
                                "2J")),
            "?2J")
      << "one byte a character: U+009B";
  EXPECT_EQ(TextOf(memory_.WideText(u"\u009b\u202eb\u8ba1\u7b97")), "??b计算");
  EXPECT_EQ(TextOf(memory_.WideText({u'a', char16_t{0xd83d}, char16_t{0xde00}, char16_t{0xd83d}})),
            "a😀\uFFFD");
}

TEST_F(FunctionTest, StringsMadeOfThemselvesComeToAnEnd) {
  const V8Object cons = memory_.Compound(33, 100, 0);
  memory_.PutField(cons, 16, cons);
  memory_.PutField(cons, 24, cons);
  EXPECT_EQ(TextOf(cons), "");
  const V8Object sliced = memory_.Compound(35, 100, 0, ForgedHeap::Smi(0));
  memory_.PutField(sliced, 16, sliced);
  EXPECT_EQ(TextOf(sliced), "");
  EXPECT_LE(memory_.reads, 2 * BoundedMemory::kMaxReads);
}

TEST_F(FunctionTest, WhatIsOfAnotherKindIsNotTakenForIt) {
  const V8Object script = memory_.Script(memory_.Text("a.js"), memory_.Text("x"));
  EXPECT_FALSE(ReadShared(heap_, script));
  EXPECT_FALSE(Describe(heap_, {.name_or_scope_info = script, .script = script}, lines_));
  const V8Object scope = memory_.ScopeInfo(script, 0, 0);
  const auto described = Describe(heap_, {.name_or_scope_info = scope, .script = scope}, lines_);
  EXPECT_EQ(*described, (V8Function{.name = "(anonymous)", .file = "", .line = 0}));
}

}  // namespace
}  // namespace sonde
