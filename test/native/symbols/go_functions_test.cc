// Names from Go's own function table.
#include "core/symbols/go_functions.h"

#include <gtest/gtest.h>

#include "unwind/go_program.h"
#include "unwind/go_table_bytes.h"

namespace sonde::test {
namespace {

constexpr size_t kEnough = 16 << 20;

struct ReadFunctions {
  ImageFiles files;
  Result<GoFunctions> functions;

  /// `name+offset`; "" where there is none.
  std::string NameOf(uint64_t svma) const {
    const auto match = functions->Find(svma);
    if (!match) return "";
    return functions->NameOf(match->function, files) + "+" + std::to_string(match->offset);
  }
};

ReadFunctions FunctionsOf(const TestGoTable& table, size_t max_bytes = kEnough) {
  TestSections file;
  file.Add(".gopclntab", 0x600000, table.Bytes());
  file.Add(".text", table.text, std::string(table.end() - table.text, '\0'));
  ImageFiles files{FileOf(file.bytes), {}, {}};
  auto functions = GoFunctions::Read(files.image, file.sections, max_bytes);
  return {std::move(files), std::move(functions)};
}

TEST(GoFunctions, AFunctionEndsWhereTheNextBeginsInEachLayout) {
  for (const auto layout : {GoTableLayout::kGo12, GoTableLayout::kGo116, GoTableLayout::kGo118,
                            GoTableLayout::kGo120}) {
    const auto read =
        FunctionsOf({.layout = layout, .functions = {{"main.first"}, {"main.(*T).second"}}});
    ASSERT_TRUE(read.functions) << read.functions.error().what;
    EXPECT_EQ(read.NameOf(kTextSvma), "main.first+0");
    EXPECT_EQ(read.NameOf(kTextSvma + 31), "main.first+31");
    EXPECT_EQ(read.NameOf(kTextSvma + 32), "main.(*T).second+0");
    EXPECT_EQ(read.NameOf(kTextSvma + 63), "main.(*T).second+31");
    EXPECT_EQ(read.NameOf(kTextSvma + 64), "");
    EXPECT_EQ(read.NameOf(kTextSvma - 1), "");
    EXPECT_EQ(read.NameOf(~uint64_t{0}), "");
  }
}

TEST(GoFunctions, MoreThanMayBeKeptAreRefused) {
  const auto read = FunctionsOf({.functions = {{"a"}, {"b"}, {"c"}}}, 16);
  EXPECT_EQ(read.functions.error().code, E2BIG);
}

TEST(GoFunctions, DamageIsSurvived) {
  TestSections whole;
  whole.Add(".gopclntab", 0x600000, TestGoTable{.functions = {{"a"}, {"b"}, {"c"}}}.Bytes());
  whole.Add(".text", kTextSvma, std::string(96, '\0'));
  for (size_t at = 64; at < whole.bytes.size() - 96; at++) {
    for (const char bits : {'\xff', '\x80', '\1'}) {
      TestSections damaged = whole;
      damaged.bytes[at] ^= bits;
      const ImageFiles files{FileOf(damaged.bytes), {}, {}};
      const auto functions = GoFunctions::Read(files.image, damaged.sections, kEnough);
      for (uint64_t svma = kTextSvma; functions && svma < kTextSvma + 100; svma += 16) {
        const auto match = functions->Find(svma);
        if (match) (void)functions->NameOf(match->function, files);
      }
    }
  }
}

/// Type arguments are spelled out in symbols only.
std::string Shortened(const std::string& name) { return name.substr(0, name.find('[')); }

TEST(GoFunctions, AStrippedProgramHasTheNamesThatGoToolNmGivesTheWholeOne) {
  if (!GoProgram::HasGo()) GTEST_SKIP() << "there is no go command";
  for (const char* mode : {"", "-buildmode=pie"}) {
    GoProgram program({.name = "plain", .arguments = mode});
    const auto expected = program.Functions(program.Make());
    const auto file = TargetFile::FromDescriptor(
        UniqueFd(open(program.Make("-s -w").c_str(), O_RDONLY | O_CLOEXEC)));
    const auto sections = ReadElfSections(*file, *ElfHeaders::Read(*file));
    const auto functions = GoFunctions::Read(*file, *sections, kEnough);
    ASSERT_TRUE(functions) << functions.error().what;
    const ImageFiles files{
        std::move(*TargetFile::FromDescriptor(UniqueFd(dup(file->descriptor())))), {}, {}};
    size_t same = 0;
    std::string different;
    for (const auto& [svma, name] : expected) {
      const auto match = functions->Find(svma);
      const std::string found = match ? functions->NameOf(match->function, files) : "";
      if (Shortened(found) == Shortened(name)) {
        same++;
      } else {
        different += " " + name + " is '" + found + "'";
      }
    }
    EXPECT_GT(same, 1500u);
    // The marks of .text are no functions, names with blanks are cut in the listing, and symbols spell `·7` as `.7`.
    EXPECT_LE(expected.size() - same, 8u) << different;
  }
}

}  // namespace
}  // namespace sonde::test
