#include "core/symbols/printable_text.h"

#include <gtest/gtest.h>

#include "core/symbols/naming.h"

namespace sonde {
namespace {

TEST(PrintableText, WhatPeopleWriteStays) {
  for (const std::string name :
       {"plain", "größe", "计算", "вычислить", "🦀::new", "حساب", "नाम\u200d", "a\u00a0b",
        "operator\"\" _µs", "<T as Größe>::計算", "a\u200eb", "\U0010fffd"}) {
    EXPECT_EQ(PrintableText(name), name);
  }
}

TEST(PrintableText, WhatATerminalObeysIsReplaced) {
  EXPECT_EQ(PrintableText("\x1b[2Jevil\r\n\x7f"), "?[2Jevil???");
  EXPECT_EQ(PrintableText(std::string("a\0b", 3)), "a?b");
  // As one character, U+009B begins what ESC [ begins.
  EXPECT_EQ(PrintableText("\u0080\u009b2J\u009f"), "??2J?");
  EXPECT_EQ(PrintableText("a\u2028b\u2029c"), "a?b?c");
}

TEST(PrintableText, NothingTurnsTheOrderOfTheTextAroundIt) {
  for (const std::string control :
       {"\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"}) {
    EXPECT_EQ(PrintableText("a" + control + "b"), "a?b");
  }
  for (const std::string neighbour : {"\u2027", "\u202f", "\u2065", "\u206a"}) {
    EXPECT_EQ(PrintableText(neighbour), neighbour);
  }
}

TEST(PrintableText, BytesThatAreNoTextAreNotPassedOn) {
  // Alone, 0x9b begins what ESC [ begins, where a terminal is not set to UTF-8.
  EXPECT_EQ(PrintableText("\x9bJ"), "\ufffdJ");
  EXPECT_EQ(PrintableText("gr\xf6\xdf."), "gr\ufffd\ufffd.");
  // Another spelling of a character, a half of a pair, and the begin of one.
  EXPECT_EQ(PrintableText("\xe0\x82\x9b"), "\ufffd\ufffd\ufffd");
  EXPECT_EQ(PrintableText("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");
  EXPECT_EQ(PrintableText("a\xe8\xae"), "a\ufffd\ufffd");
}

TEST(NameResult, NamesAndNotesArePrintable) {
  NameResult result;
  EXPECT_EQ(result.Add("\u009bname", "\u202ename"), 1u);
  result.AddNote("\u009bnote");
  EXPECT_EQ(result.system_names[0], "?name");
  EXPECT_EQ(result.functions[0], "?name");
  EXPECT_EQ(result.note, "?note");
}

}  // namespace
}  // namespace sonde
