#include "core/unwind/cfi.h"

#include <gtest/gtest.h>

#include "unwind/cfi_builder.h"

namespace sonde {
namespace {

using test::ByteString;
using test::TestCie;
using test::TestFrames;

/// A hundred functions of 48 bytes, 64 apart; the number of each is its CFA's offset.
TestFrames HundredFunctions() {
  TestFrames frames;
  for (uint64_t number = 0; number < 100; number++) {
    ByteString program = {DW_CFA_def_cfa_offset};
    frames.functions.push_back({0x1000 + number * 64, 48, program.Uleb(number)});
  }
  return frames;
}

std::unique_ptr<RowSource> EhFrame(const ByteString& header, const ByteString& frames) {
  auto source = MakeEhFrame(
      {header.Section(TestFrames::kHeaderSvma), frames.Section(TestFrames::kSvma)}, kX86_64);
  EXPECT_TRUE(source) << source.error().what;
  return source ? std::move(*source) : nullptr;
}

/// The number of the function that covers the address; negative: an errno.
int64_t FunctionAt(const RowSource& source, uint64_t svma) {
  const auto row = source.Find(svma);
  return row ? row->cfa_offset : -row.error().code;
}

void ExpectHundredFunctions(const RowSource& source) {
  EXPECT_EQ(source.functions(), 100u);
  EXPECT_EQ(FunctionAt(source, 0), -ENOENT);
  EXPECT_EQ(FunctionAt(source, 0xfff), -ENOENT);
  for (uint64_t number = 0; number < 100; number++) {
    const uint64_t begin = 0x1000 + number * 64;
    EXPECT_EQ(FunctionAt(source, begin), int64_t(number));
    EXPECT_EQ(FunctionAt(source, begin + 47), int64_t(number));
    EXPECT_EQ(FunctionAt(source, begin + 48), -ENOENT);
  }
  EXPECT_EQ(FunctionAt(source, uint64_t{1} << 40), -ENOENT);
  EXPECT_EQ(FunctionAt(source, ~uint64_t{0}), -ENOENT);
}

TEST(EhFrame, ATableIsSearched) {
  const TestFrames frames = HundredFunctions();
  ExpectHundredFunctions(*EhFrame(frames.Header(), frames.EhFrame()));
}

TEST(EhFrame, WithoutATableTheFramesAreIndexed) {
  TestFrames frames = HundredFunctions();
  ExpectHundredFunctions(*EhFrame({}, frames.EhFrame()));
  std::reverse(frames.functions.begin(), frames.functions.end());
  ExpectHundredFunctions(*EhFrame({}, frames.EhFrame()));
}

TEST(EhFrame, ATableThatCannotBeSearchedIsLeftAlone) {
  const TestFrames frames = HundredFunctions();
  const ByteString good = frames.Header();
  const auto expect_indexed = [&](size_t offset, uint32_t word) {
    ByteString header = good;
    header.Overwrite(offset, word);
    ExpectHundredFunctions(*EhFrame(header, frames.EhFrame()));
  };
  expect_indexed(0, 0x3b031b02);       // another version
  expect_indexed(0, 0x3c031b01);       // entries of another size
  expect_indexed(0, 0x3bff1b01);       // no count
  expect_indexed(8, 0);                // an empty table
  expect_indexed(8, 101);              // a count that reaches behind the end
  expect_indexed(8, 0xffffffff);       // and one that would overflow
  expect_indexed(12 + 8 * 50, 0);      // an order that is none
  expect_indexed(12 + 4, 0x7fffffff);  // an FDE outside of the frames
  ByteString other = good;
  ExpectHundredFunctions(*EhFrame(other.Add(good), frames.EhFrame()));  // more than the table
}

TEST(EhFrame, ATableThatWasNotMovedWithItsFramesIsLeftAlone) {
  const TestFrames frames = HundredFunctions();
  const auto source = MakeEhFrame({frames.Header().Section(TestFrames::kHeaderSvma + 0x1000),
                                   frames.EhFrame().Section(TestFrames::kSvma)},
                                  kX86_64);
  ASSERT_TRUE(source);
  ExpectHundredFunctions(**source);
}

TEST(EhFrame, AForgedEntryOfATableNamesNoWrongFunction) {
  const TestFrames frames = HundredFunctions();
  ByteString header = frames.Header();
  // None of those that are looked at first. It names the FDE of the function before.
  std::vector<size_t> places;
  frames.EhFrame(&places);
  header.Overwrite(12 + 8 * 50 + 4,
                   static_cast<uint32_t>(TestFrames::kSvma + places[49] - TestFrames::kHeaderSvma));
  const auto source = EhFrame(header, frames.EhFrame());
  EXPECT_EQ(FunctionAt(*source, 0x1000 + 49 * 64), 49);
  EXPECT_EQ(FunctionAt(*source, 0x1000 + 50 * 64), -ENOEXEC);
  EXPECT_EQ(FunctionAt(*source, 0x1000 + 51 * 64), 51);
}

/// The only function of a file with this CIE; negative: an errno.
int64_t FunctionWith(const TestCie& cie) {
  TestFrames frames{.cie = cie, .functions = {{0x1000, 16, {DW_CFA_def_cfa_offset, 7}}}};
  const auto source = MakeEhFrame({{}, frames.EhFrame().Section(TestFrames::kSvma)}, kX86_64);
  return source ? FunctionAt(**source, 0x1000) : -source.error().code;
}

TEST(EhFrame, EveryAugmentationThatCompilersWrite) {
  const int encoding = DW_EH_PE_pcrel | DW_EH_PE_sdata4;
  EXPECT_EQ(FunctionWith({.augmentation = "zR", .augmentation_data = {encoding}}), 7);
  EXPECT_EQ(FunctionWith(
                {.augmentation = "zPLR",
                 .augmentation_data = {DW_EH_PE_indirect | encoding, 1, 2, 3, 4, 0xff, encoding}}),
            7);
  EXPECT_EQ(FunctionWith({.augmentation = "zPR", .augmentation_data = {DW_EH_PE_omit, encoding}}),
            7);
  EXPECT_EQ(FunctionWith({.augmentation = "zRB", .augmentation_data = {encoding}}), 7);
  EXPECT_EQ(FunctionWith({.augmentation = "zR?", .augmentation_data = {encoding, 1, 2}}), 7)
      << "what z says the size of can be skipped";
  EXPECT_EQ(FunctionWith({.version = 3}), 7);
  EXPECT_EQ(FunctionWith({.version = 4}), 7);
}

TEST(EhFrame, AnAugmentationThatIsNotKnownIsRefused) {
  EXPECT_EQ(FunctionWith({.augmentation = "x"}), -ENOEXEC);
  EXPECT_EQ(FunctionWith({.augmentation = "zRRRRRRRRRRRRRRRRRRR"}), -ENOEXEC);
  EXPECT_EQ(FunctionWith({.augmentation = "zRPL"}), -ENOEXEC) << "data that is too short";
  EXPECT_EQ(FunctionWith({.augmentation_data = {DW_EH_PE_datarel | DW_EH_PE_sdata4}}), -ENOEXEC);
  EXPECT_EQ(FunctionWith({.augmentation_data = {DW_EH_PE_omit}}), -ENOEXEC);
  EXPECT_EQ(FunctionWith({.version = 2}), -ENOEXEC);
  EXPECT_EQ(FunctionWith({.return_address = 33}), -ENOEXEC);
}

TEST(EhFrame, ASignalHandlersCallerIsMarked) {
  const TestFrames frames{.cie = {.augmentation = "zRS"}, .functions = {{}}};
  const auto row = EhFrame({}, frames.EhFrame())->Find(0x1000);
  ASSERT_TRUE(row);
  EXPECT_TRUE(row->signal_frame);
}

TEST(EhFrame, OldCompilersWriteAPointerBeforeTheFactors) {
  ByteString cie;
  cie.U32(0).U8(1).Text("eh").U64(0x1234).Uleb(1).Sleb(-8).U8(16);
  cie.Add({DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1});
  ByteString section;
  section.U32(static_cast<uint32_t>(cie.size())).Add(cie);
  section.U32(4 + 16).U32(static_cast<uint32_t>(section.size())).U64(0x1000).U64(16);
  EXPECT_EQ(FunctionAt(*EhFrame({}, section), 0x1000), 8);
}

TEST(EhFrame, AnEntryMayHaveALengthOf64BitsAndHasAnIdOf32) {
  const TestFrames frames{.functions = {{0x1000, 16, {DW_CFA_def_cfa_offset, 7}}}};
  ByteString section = frames.EhFrame();
  const size_t begin = section.size() - 4;  // the terminator's place
  section.Overwrite(begin, 0xffffffff);
  section.U64(4 + 8 + 1).U32(static_cast<uint32_t>(begin + 12));
  section.U32(static_cast<uint32_t>(0x2000 - (TestFrames::kSvma + begin + 16))).U32(16).U8(0);
  const auto source = EhFrame({}, section);
  EXPECT_EQ(FunctionAt(*source, 0x1000), 7);
  EXPECT_EQ(FunctionAt(*source, 0x2000), 8);
}

TEST(EhFrame, FramesOfSeveralFilesMayFollowEachOther) {
  const TestFrames first{.functions = {{0x1000, 16, {DW_CFA_def_cfa_offset, 1}}}};
  // The second begins elsewhere, so that its relative addresses mean 16 bytes more for each byte of the first.
  const TestFrames second{.functions = {{0x2000, 16, {DW_CFA_def_cfa_offset, 2}}}};
  const auto source = EhFrame({}, ByteString(first.EhFrame()).Add(second.EhFrame()));
  EXPECT_EQ(source->functions(), 2u);
  EXPECT_EQ(FunctionAt(*source, 0x1000), 1);
  EXPECT_EQ(FunctionAt(*source, 0x2000 + first.EhFrame().size()), 2);
}

TEST(EhFrame, FunctionsThatTheLinkerDroppedAreNone) {
  TestFrames frames{.functions = {{0x1000, 16, {}}, {0, 0x10000, {}}, {0x2000, 0, {}}}};
  const auto source = MakeDebugFrame(frames.DebugFrame().Section(TestFrames::kSvma), kX86_64);
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->functions(), 1u);
  EXPECT_EQ(FunctionAt(**source, 0x800), -ENOENT);
}

TEST(EhFrame, NothingToReadIsSaid) {
  for (const ByteString& section :
       {ByteString(), ByteString({0, 0, 0, 0}), ByteString({1, 2, 3})}) {
    const auto source = MakeEhFrame({{}, section.Section(0x1000)}, kX86_64);
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().code, ENOEXEC);
  }
}

TEST(EhFrame, AnIndexIsBounded) {
  TestFrames frames;
  frames.functions.resize((256 << 10) + 1);
  const auto source = MakeEhFrame({{}, frames.EhFrame().Section(TestFrames::kSvma)}, kX86_64);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, E2BIG);
}

TEST(EhFrame, MemoryIsCounted) {
  const TestFrames frames = HundredFunctions();
  const size_t bytes = frames.EhFrame().size();
  EXPECT_GE(EhFrame({}, frames.EhFrame())->bytes(), bytes + 100 * 16);
  EXPECT_GE(EhFrame(frames.Header(), frames.EhFrame())->bytes(), bytes + 100 * 8);
}

TEST(DebugFrame, BothFormatsAndAllVersionsAreRead) {
  for (const bool long_format : {false, true}) {
    for (const int version : {1, 3, 4}) {
      TestFrames frames = HundredFunctions();
      frames.cie.version = version;
      frames.long_format = long_format;
      const auto source = MakeDebugFrame(frames.DebugFrame().Section(TestFrames::kSvma), kX86_64);
      ASSERT_TRUE(source) << source.error().what;
      ExpectHundredFunctions(**source);
    }
  }
}

TEST(DebugFrame, AddressesOfAnotherSizeAreRefused) {
  TestFrames frames = HundredFunctions();
  frames.cie.version = 4;
  ByteString section = frames.DebugFrame();
  section.Overwrite(10, 0x01000004);  // the sizes of addresses and segments, and the factor of code
  EXPECT_FALSE(MakeDebugFrame(section.Section(TestFrames::kSvma), kX86_64));
}

}  // namespace
}  // namespace sonde
