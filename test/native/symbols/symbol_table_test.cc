#include "core/symbols/symbol_table.h"

#include <gtest/gtest.h>

#include <random>

#include "core/symbols/elf_headers.h"
#include "symbols/elf_builder.h"

namespace sonde {
namespace {

constexpr size_t kPlenty = 1 << 20;
constexpr uint64_t kText = kTextSvma;

/// `name+offset` of an address in a file made of these symbols; "" where there is none.
std::string Lookup(const TestElf& elf, uint64_t svma) {
  const TargetFile file = FileOf(elf.Bytes());
  const auto table = SymbolTable::Read(file, kPlenty);
  EXPECT_TRUE(table) << table.error().what;
  const auto match = table->Find(svma);
  if (!match) return "";
  return table->NameOf(match->symbol, file) + "+" + std::to_string(match->offset);
}

TEST(SymbolTable, AFunctionEndsWhereItsSizeSays) {
  const TestElf elf{{{"first", kText, 16}, {"second", kText + 64, 16}}, {}};
  EXPECT_EQ(Lookup(elf, kText), "first+0");
  EXPECT_EQ(Lookup(elf, kText + 15), "first+15");
  EXPECT_EQ(Lookup(elf, kText + 16), "");
  EXPECT_EQ(Lookup(elf, kText + 63), "");
  EXPECT_EQ(Lookup(elf, kText + 79), "second+15");
  EXPECT_EQ(Lookup(elf, kText - 1), "");
  EXPECT_EQ(Lookup(elf, ~uint64_t{0}), "");
}

TEST(SymbolTable, AFileWithoutSymbolsNamesNothing) { EXPECT_EQ(Lookup(TestElf{}, kText), ""); }

TEST(SymbolTable, BothTablesCount) {
  const TestElf elf{{{"local", kText, 16}}, {{"exported", kText + 16, 16}}};
  EXPECT_EQ(Lookup(elf, kText), "local+0");
  EXPECT_EQ(Lookup(elf, kText + 16), "exported+0");
}

TEST(SymbolTable, OfSeveralNamesPerfsChoiceIsTaken) {
  const auto best = [](std::vector<TestSymbol> symbols) {
    const std::string name = Lookup(TestElf{symbols, {}}, kText);
    std::reverse(symbols.begin(), symbols.end());
    EXPECT_EQ(Lookup(TestElf{symbols, {}}, kText), name) << "depends on the order in the file";
    return name;
  };
  EXPECT_EQ(best({{"weak", kText, 8, STT_FUNC, STB_WEAK}, {"own", kText, 8, STT_FUNC, STB_LOCAL}}),
            "own+0");
  EXPECT_EQ(best({{"local", kText, 8, STT_FUNC, STB_LOCAL}, {"global", kText, 8}}), "global+0");
  EXPECT_EQ(best({{"__libc_read", kText, 8}, {"read", kText, 8}}), "read+0");
  EXPECT_EQ(best({{"abc", kText, 8}, {"abcd", kText, 8}}), "abcd+0");
  EXPECT_EQ(best({{"free", kText, 8}, {"cfree@GLIBC_2.2.5", kText, 8}}), "free+0");
  EXPECT_EQ(best({{"now", kText, 8}, {"renamed@@V2", kText, 8}}), "renamed@@V2+0");
  EXPECT_EQ(best({{"unsized", kText, 0}, {"sized", kText, 8, STT_FUNC, STB_LOCAL}}), "sized+0");
}

TEST(SymbolTable, AnIndirectFunctionIsAFunction) {
  EXPECT_EQ(Lookup(TestElf{{{"memcpy", kText, 8, STT_GNU_IFUNC}}, {}}, kText), "memcpy+0");
}

TEST(SymbolTable, WhatIsNoCodeIsNoFunction) {
  EXPECT_EQ(Lookup(TestElf{{{"data", kText, 8, STT_OBJECT}}, {}}, kText), "");
  EXPECT_EQ(Lookup(TestElf{{{"elsewhere", kText, 8, STT_FUNC, STB_GLOBAL, 2}}, {}}, kText), "");
  EXPECT_EQ(Lookup(TestElf{{{"missing", kText, 8, STT_FUNC, STB_GLOBAL, SHN_UNDEF}}, {}}, kText),
            "");
  EXPECT_EQ(Lookup(TestElf{{{"absolute", kText, 8, STT_FUNC, STB_GLOBAL, SHN_ABS}}, {}}, kText),
            "");
}

TEST(SymbolTable, AnAssemblerRoutineWithoutASizeEndsAtTheNextSymbol) {
  const TestElf elf{{{"_start", kText, 0, STT_NOTYPE}, {"main", kText + 32, 8}}, {}};
  EXPECT_EQ(Lookup(elf, kText + 31), "_start+31");
  EXPECT_EQ(Lookup(elf, kText + 32), "main+0");
  EXPECT_EQ(Lookup(elf, kText + 40), "");
}

TEST(SymbolTable, AnAssemblerRoutineWithoutASizeEndsWithItsSectionAndAfterFourKilobytes) {
  const uint64_t last = kText + kTextBytes - 16;
  const TestElf elf{{{"long", kText, 0}, {"_fini", last, 0}}, {}};
  EXPECT_EQ(Lookup(elf, kText + 4095), "long+4095");
  EXPECT_EQ(Lookup(elf, kText + 4096), "");
  EXPECT_EQ(Lookup(elf, last + 15), "_fini+15");
  EXPECT_EQ(Lookup(elf, last + 16), "");
}

TEST(SymbolTable, AnExportedSymbolWithoutASizeClaimsNothing) {
  EXPECT_EQ(Lookup(TestElf{{}, {{"exported", kText, 0}}}, kText), "");
}

TEST(SymbolTable, LabelsAreNoFunctions) {
  const TestElf elf{{{"function", kText, 64},
                     {"inner_label", kText + 8, 0, STT_NOTYPE, STB_LOCAL},
                     {".Lloop", kText + 128, 0, STT_NOTYPE, STB_LOCAL},
                     {"$x", kText + 192, 0, STT_NOTYPE, STB_LOCAL},
                     {"_etext", kText + kTextBytes, 0, STT_NOTYPE}},
                    {}};
  EXPECT_EQ(Lookup(elf, kText + 9), "function+9");
  EXPECT_EQ(Lookup(elf, kText + 128), "");
  EXPECT_EQ(Lookup(elf, kText + 192), "");
  EXPECT_EQ(Lookup(elf, kText + kTextBytes), "");
}

TEST(SymbolTable, OfNestedFunctionsTheInnermostIsMeant) {
  const TestElf elf{{{"outer", kText, 256}, {"inner", kText + 64, 32}, {"second", kText + 128, 8}},
                    {}};
  EXPECT_EQ(Lookup(elf, kText + 63), "outer+63");
  EXPECT_EQ(Lookup(elf, kText + 64), "inner+0");
  EXPECT_EQ(Lookup(elf, kText + 96), "outer+96");
  EXPECT_EQ(Lookup(elf, kText + 200), "outer+200");
  EXPECT_EQ(Lookup(elf, kText + 256), "");
}

TEST(SymbolTable, SizesThatReachBehindTheAddressSpaceDoNotWrap) {
  const TestElf elf{{{"endless", kText + 8, ~uint64_t{0}}}, {}};
  EXPECT_EQ(Lookup(elf, kText + 8), "endless+0");
  EXPECT_EQ(Lookup(elf, kText), "");
}

TEST(SymbolTable, TooManyFunctionsAreRefused) {
  TestElf elf;
  for (uint64_t i = 0; i < 100; i++) elf.symbols.push_back({"f", kText + i * 8, 8});
  const auto table = SymbolTable::Read(FileOf(elf.Bytes()), 99 * 16);
  ASSERT_FALSE(table);
  EXPECT_EQ(table.error().code, E2BIG);
}

TEST(SymbolTable, AFileCutAfterItWasReadHasNoNamesLeft) {
  const std::string bytes = TestElf{{{"function", kText, 16}}, {}}.Bytes();
  const TargetFile file = FileOf(bytes);
  const auto table = SymbolTable::Read(file, kPlenty);
  ASSERT_TRUE(table);
  ASSERT_EQ(ftruncate(file.descriptor(), 100), 0);
  EXPECT_EQ(table->NameOf(table->Find(kText)->symbol, file), "");
  EXPECT_FALSE(SymbolTable::Read(file, kPlenty));
}

TEST(ElfHeaders, TheBuildIdAndTheAddressOfAnOffsetAreRead) {
  const auto headers = ElfHeaders::Read(FileOf(TestElf{}.Bytes()));
  ASSERT_TRUE(headers);
  EXPECT_EQ(headers->build_id, (std::vector<uint8_t>{0xab, 0xcd, 0xef}));
  EXPECT_EQ(headers->SvmaOf(0x1000 + 5), kTextSvma + 5);
  EXPECT_EQ(headers->SvmaOf(0x1000 + kTextBytes), std::nullopt);
}

TEST(ElfHeaders, AMappingBeginsAtThePageOfItsExecutableSegment) {
  ElfHeaders headers;
  headers.loads = {{0, 0, 0x1700, false}, {0x1700, 0x2700, 0x5000, true}};
  EXPECT_EQ(headers.SvmaOf(0x1000), 0x2000u);
  EXPECT_EQ(headers.SvmaOf(0x1700), 0x2700u);
  EXPECT_EQ(headers.SvmaOf(0x800), 0x800u);
}

TEST(ElfHeaders, NotesOfEightByteAlignmentAreRead) {
  // As in .note.gnu.property, with a build id behind it.
  const std::string property("\4\0\0\0\4\0\0\0\5\0\0\0GNU\0abcd\0\0\0\0", 24);
  const std::string id("\4\0\0\0\2\0\0\0\3\0\0\0GNU\0\x12\x34\0\0\0\0\0\0", 24);
  const std::string notes = property + id;
  EXPECT_EQ(BuildIdOfNotes(std::as_bytes(std::span(notes)), 8), (std::vector<uint8_t>{0x12, 0x34}));
}

TEST(ElfHeaders, WhatIsNoElfFileOfThisMachineIsRefused) {
  EXPECT_FALSE(ElfHeaders::Read(FileOf("")));
  EXPECT_FALSE(ElfHeaders::Read(FileOf("#!/bin/sh\n")));
  std::string other = TestElf{}.Bytes();
  other[EI_DATA] = ELFDATA2MSB;
  EXPECT_FALSE(ElfHeaders::Read(FileOf(other)));
  other = TestElf{}.Bytes();
  other[offsetof(Elf64_Ehdr, e_machine)] = EM_S390;
  EXPECT_FALSE(ElfHeaders::Read(FileOf(other)));
}

/// Reads everything a file offers, as naming does.
void ReadAll(const TargetFile& file) {
  const auto headers = ElfHeaders::Read(file);
  if (headers) (void)headers->SvmaOf(0x1234);
  const auto table = SymbolTable::Read(file, kPlenty);
  if (!table) return;
  for (uint64_t svma = kText - 8; svma < kText + 512; svma += 8) {
    const auto match = table->Find(svma);
    if (match) (void)table->NameOf(match->symbol, file);
  }
}

TEST(SymbolTable, DamagedFilesAreSurvived) {
  TestElf elf;
  for (uint64_t i = 0; i < 16; i++) {
    elf.symbols.push_back({"function" + std::to_string(i), kText + i * 32, i * 4});
    elf.dynamic_symbols.push_back({"exported" + std::to_string(i), kText + i * 32, 16});
  }
  const std::string whole = elf.Bytes();
  std::mt19937 random(1);
  const auto below = [&random](size_t bound) { return random() % bound; };
  for (int round = 0; round < 3000; round++) {
    std::string damaged = whole;
    for (size_t flips = 1 + below(6); flips > 0; flips--) {
      damaged[below(damaged.size())] = static_cast<char>(below(4) == 0 ? 0xff : random());
    }
    if (below(4) == 0) damaged.resize(below(damaged.size()));
    ReadAll(FileOf(damaged));
  }
}

TEST(SymbolTable, NumbersThatClaimTooMuchAreSurvived) {
  const std::string whole = TestElf{{{"function", kText, 16}}, {{"exported", kText, 16}}}.Bytes();
  for (size_t at = 16; at + 8 <= whole.size(); at += 4) {
    for (const uint64_t value : {~uint64_t{0}, uint64_t{1} << 63, uint64_t{0x7fffffff}}) {
      std::string damaged = whole;
      std::memcpy(damaged.data() + at, &value, sizeof(value));
      ReadAll(FileOf(damaged));
    }
  }
}

}  // namespace
}  // namespace sonde
