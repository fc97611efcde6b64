// Names of stubs that call what other images export.
#include "core/symbols/plt_functions.h"

#include <elf.h>
#include <gtest/gtest.h>

#include "core/symbols/plt_decoder.h"
#include "symbols/elf_builder.h"

namespace sonde {
namespace {

using Code = std::vector<uint8_t>;

Code operator+(Code left, const Code& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// As GNU ld writes them; distances count from the end of the jump.
const Code kFirst = {0xff, 0x35, 0xe2, 0x2f, 0,    0,    0xff, 0x25,
                     0xe4, 0x2f, 0,    0,    0x0f, 0x1f, 0x40, 0};
const Code kLazy = {0xff, 0x25, 0xe2, 0x2f, 0, 0, 0x68, 0, 0, 0, 0, 0xe9, 0xe0, 0xff, 0xff, 0xff};
const Code kMarkedLazy = {0xf3, 0x0f, 0x1e, 0xfa, 0x68, 7,    0,    0,
                          0,    0xf2, 0xe9, 0xe1, 0xff, 0xff, 0xff, 0x90};
const Code kMarked = {0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, 0x75,
                      0x2f, 0,    0,    0x0f, 0x1f, 0x44, 0,    0};
const Code kShort = {0xff, 0x25, 0xd2, 0x2f, 0, 0, 0x66, 0x90};
const Code kMold = {0xf3, 0x0f, 0x1e, 0xfa, 0x41, 0xbb, 3, 0, 0, 0, 0xff, 0x25, 0x10, 0, 0, 0};

TEST(PltDecoder, StubsOfX86_64AreKnownByTheSlotOfTheirJump) {
  const auto stubs = DecodePltOfX86_64(kFirst + kLazy + kMarked + kMold, 0x1000, 16);
  ASSERT_EQ(stubs.size(), 3u);
  EXPECT_EQ(stubs[0].svma, 0x1010u);
  EXPECT_EQ(stubs[0].slot, 0x1016u + 0x2fe2);
  EXPECT_EQ(stubs[1].svma, 0x1020u);
  EXPECT_EQ(stubs[1].slot, 0x102bu + 0x2f75);
  EXPECT_EQ(stubs[2].slot, 0x1040u + 0x10);
  EXPECT_EQ(stubs[2].size, 16u);
}

TEST(PltDecoder, StubsThatHandANumberToTheLoaderAreKnownByIt) {
  const auto stubs = DecodePltOfX86_64(kMarkedLazy, 0x1000, 16);
  ASSERT_EQ(stubs.size(), 1u);
  EXPECT_EQ(stubs[0].relocation, 7u);
}

TEST(PltDecoder, ShortStubsAreKnownToo) {
  const auto stubs = DecodePltOfX86_64(kShort + kShort + kMarked, 0x1000, 8);
  ASSERT_EQ(stubs.size(), 3u);
  EXPECT_EQ(stubs[1].svma, 0x1008u);
  EXPECT_EQ(stubs[1].size, 8u);
  EXPECT_EQ(stubs[2].svma, 0x1010u);
  EXPECT_EQ(stubs[2].size, 16u);
}

TEST(PltDecoder, WhatIsCutIsNoStub) {
  for (const Code& whole : {kLazy, kMarkedLazy, kMarked, kMold}) {
    for (size_t size = 0; size < 16; size++) {
      EXPECT_TRUE(DecodePltOfX86_64(std::span(whole).first(size), 0, 16).empty());
    }
  }
}

std::vector<PltStub> Aarch64(const std::vector<uint32_t>& words, uint64_t svma) {
  return DecodePltOfAarch64({reinterpret_cast<const uint8_t*>(words.data()), words.size() * 4},
                            svma);
}

TEST(PltDecoder, StubsOfAarch64AreKnownByTheSlotTheyLoadFrom) {
  // adrp x16, +16 pages; ldr x17, [x16, #0xfa8]; add; br x17, and the same with `bti c` before it and a page back.
  const auto stubs = Aarch64({0x90000090, 0xf947d611, 0x913ea210, 0xd61f0220, 0xd503245f,
                              0xf0fffff0, 0xf9400611, 0x91002210, 0xd61f0220, 0xd503201f},
                             0x10670);
  ASSERT_EQ(stubs.size(), 2u);
  EXPECT_EQ(stubs[0].svma, 0x10670u);
  EXPECT_EQ(stubs[0].size, 16u);
  EXPECT_EQ(stubs[0].slot, 0x20fa8u);
  EXPECT_EQ(stubs[1].svma, 0x10680u);
  EXPECT_EQ(stubs[1].size, 20u);
  EXPECT_EQ(stubs[1].slot, 0xf008u);
}

TEST(PltDecoder, StubsOfAarch64WithoutABranchAreNone) {
  EXPECT_TRUE(Aarch64({0x90000090}, 0).empty());
  EXPECT_TRUE(Aarch64({0x90000090, 0xf947d611}, 0).empty());
  EXPECT_TRUE(Aarch64({0x90000090, 0xf947d611, 0, 0, 0, 0, 0, 0xd61f0220}, 0).empty());
}

#if defined(__x86_64__)

/// A file with one stub, at 0x500010, that jumps through the slot at 0x502ff8.
TestElf WithStub(uint64_t slot, uint64_t symbol, uint32_t type = R_X86_64_JUMP_SLOT) {
  TestElf elf{{}, {{"exported", kTextSvma, 16}}};
  Code code = kFirst + kLazy;
  const auto distance = static_cast<uint32_t>(0x502ff8 - 0x500016);
  std::memcpy(code.data() + 18, &distance, sizeof(distance));
  Elf64_Rela relocation = {};
  relocation.r_offset = slot;
  relocation.r_info = ELF64_R_INFO(symbol, type);
  elf.sections = {{".plt", std::string(code.begin(), code.end()), 0x500000},
                  {".rela.plt", elf_builder::BytesOf(relocation)}};
  elf.sections[1].type = SHT_RELA;
  return elf;
}

std::string StubName(const TestElf& elf, uint64_t svma) {
  const ImageFiles files{FileOf(elf.Bytes()), {}, {}};
  const auto sections = ReadElfSections(files.image, *ElfHeaders::Read(files.image));
  const auto stubs = PltFunctions::Read(files.image, *sections, 1 << 20);
  const auto match = stubs ? stubs->Find(svma) : std::nullopt;
  return match ? stubs->NameOf(match->function, files) + "+" + std::to_string(match->offset) : "";
}

TEST(PltFunctions, AStubIsNamedByTheRelocationOfItsSlot) {
  const TestElf elf = WithStub(0x502ff8, 1);
  EXPECT_EQ(StubName(elf, 0x500010), "exported@plt+0");
  EXPECT_EQ(StubName(elf, 0x50001f), "exported@plt+15");
  EXPECT_EQ(StubName(elf, 0x500020), "");
  EXPECT_EQ(StubName(elf, 0x50000f), "") << "the loader's own stub";
  EXPECT_EQ(StubName(WithStub(0x502ff8, 1, R_X86_64_GLOB_DAT), 0x500010), "exported@plt+0");
}

TEST(PltFunctions, AStubWithoutSuchARelocationHasNoName) {
  EXPECT_EQ(StubName(WithStub(0x502ff0, 1), 0x500010), "");
  EXPECT_EQ(StubName(WithStub(0x502ff8, 0), 0x500010), "");
  EXPECT_EQ(StubName(WithStub(0x502ff8, 1000), 0x500010), "");
  EXPECT_EQ(StubName(WithStub(0x502ff8, 1, R_X86_64_IRELATIVE), 0x500010), "");
}

#endif

}  // namespace
}  // namespace sonde
