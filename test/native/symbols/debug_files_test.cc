// Names that a separate debug file, or a compressed table within the file, gives.
#include "core/symbols/debug_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "core/symbols/image_namer.h"
#include "core/symbols/inflate.h"
#include "symbols/elf_builder.h"
#include "symbols/packing.h"

namespace sonde {
namespace {

using namespace std::chrono_literals;
using std::filesystem::path;

/// A busy machine with sanitizers takes its time to unpack 64 MiB.
constexpr auto kPatient = 400s;
const std::vector<TestSymbol> kHidden = {{"hidden", kTextSvma, 16}};
const std::vector<TestSymbol> kExported = {{"exported", kTextSvma + 64, 16}};

/// A directory with images and debug files, removed with the test.
class DebugFilesTest : public testing::Test {
 protected:
  DebugFilesTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "sonde-debug-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    options_.debug_directories = {folder_ / "debug"};
  }
  ~DebugFilesTest() override { std::filesystem::remove_all(folder_); }

  path Write(const path& name, const std::string& bytes) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  path Write(const path& name, const TestElf& elf) const { return Write(name, elf.Bytes()); }

  /// `image` asked for the name of each address; "" where it has none.
  std::vector<std::string> Names(const path& image, const FileIdentity& identity,
                                 const std::vector<uint64_t>& addresses) {
    NameRequest request{.kind = NameRequest::Kind::kFile,
                        .path = image,
                        .identity = identity,
                        .pids = {},
                        .addresses = addresses};
    result_ = ImageNamer(1 << 20, options_).Name({request}, kPatient)[0];
    std::vector<std::string> names;
    for (const uint32_t name : result_.name) {
      names.push_back(name == 0 ? "" : result_.functions[name - 1]);
    }
    return names;
  }
  std::vector<std::string> Names(const path& image, const TestElf& elf) {
    struct stat status = {};
    stat(image.c_str(), &status);
    const FileIdentity identity{uint64_t{major(status.st_dev)} << 32 | minor(status.st_dev),
                                status.st_ino,
                                elf.build_id,
                                {},
                                INT64_MAX};
    return Names(image, identity, {kTextSvma + 4, kTextSvma + 68});
  }

  path folder_;
  SymbolOptions options_;
  NameResult result_;
};

using Strings = std::vector<std::string>;

const path kById = "debug/.build-id/ab/cdef.debug";

std::string LinkTo(const std::string& name, const std::string& content) {
  std::string link = name + '\0';
  link.resize((link.size() + 3) & ~size_t{3});
  const auto crc = static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(content.data()), static_cast<uInt>(content.size())));
  return link + elf_builder::BytesOf(crc);
}

TEST_F(DebugFilesTest, TheBuildIdLeadsToTheDebugFile) {
  const TestElf stripped{{}, kExported};
  const path image = Write("bin/program", stripped);
  EXPECT_EQ(Names(image, stripped), (Strings{"", "exported"}));
  Write(kById, TestElf{kHidden, {}});
  EXPECT_EQ(Names(image, stripped), (Strings{"hidden", "exported"}));
  EXPECT_EQ(result_.note, "");
}

TEST_F(DebugFilesTest, ADebugFileOfAnotherBuildLendsNoNamesAndIsNamed) {
  const TestElf stripped{{}, kExported};
  const path image = Write("bin/program", stripped);
  TestElf other{kHidden, {}};
  other.build_id = {0xab, 0xcd, 0x11};
  Write(kById, other);
  EXPECT_EQ(Names(image, stripped), (Strings{"", "exported"}));
  EXPECT_NE(result_.note.find("another build (build id abcd11)"), std::string::npos)
      << result_.note;
}

TEST_F(DebugFilesTest, ADebugFileOfOtherAddressesLendsNoNames) {
  const TestElf stripped{{}, kExported};
  const path image = Write("bin/program", stripped);
  TestElf prelinked{kHidden, {}};
  prelinked.moved = 0x1000;
  Write(kById, prelinked);
  EXPECT_EQ(Names(image, stripped), (Strings{"", "exported"}));
  EXPECT_NE(result_.note.find("other addresses"), std::string::npos) << result_.note;
}

TEST_F(DebugFilesTest, AFileWithItsOwnTableNeedsNone) {
  const TestElf whole{{{"own", kTextSvma, 16}}, {}};
  const path image = Write("bin/program", whole);
  Write(kById, TestElf{kHidden, {}});
  EXPECT_EQ(Names(image, whole), (Strings{"own", ""}));
  options_.sources = {SymbolSource::kDebugFile, SymbolSource::kSymtab};
  EXPECT_EQ(Names(image, whole), (Strings{"hidden", ""}));
}

TEST_F(DebugFilesTest, TheLinkIsFollowedToEachPlace) {
  const std::string debug = [] {
    TestElf elf{kHidden, {}};
    elf.build_id = {};
    return elf.Bytes();
  }();
  TestElf stripped{{}, kExported};
  stripped.build_id = {};
  stripped.sections = {{".gnu_debuglink", LinkTo("program.debug", debug)}};
  const path image = Write("bin/program", stripped);
  const path below = "debug" / folder_.relative_path() / "bin/program.debug";
  for (const path& place : {path("bin/program.debug"), path("bin/.debug/program.debug"), below}) {
    EXPECT_EQ(Names(image, stripped), (Strings{"", "exported"}));
    const path written = Write(place, debug);
    EXPECT_EQ(Names(image, stripped), (Strings{"hidden", "exported"})) << place;
    std::filesystem::remove(written);
  }
}

TEST_F(DebugFilesTest, WithoutBuildIdsTheChecksumDecides) {
  TestElf elf{kHidden, {}};
  elf.build_id = {};
  TestElf stripped{{}, kExported};
  stripped.build_id = {};
  stripped.sections = {{".gnu_debuglink", LinkTo("program.debug", elf.Bytes() + "changed")}};
  const path image = Write("bin/program", stripped);
  Write("bin/program.debug", elf);
  EXPECT_EQ(Names(image, stripped), (Strings{"", "exported"}));
  EXPECT_NE(result_.note.find("CRC"), std::string::npos) << result_.note;
}

TEST_F(DebugFilesTest, TheLinkOfAFileWithABuildIdLeadsToNoOther) {
  TestElf other{kHidden, {}};
  other.build_id = {1, 2, 3};
  TestElf stripped{{}, kExported};
  stripped.sections = {{".gnu_debuglink", LinkTo("program.debug", other.Bytes())}};
  const path image = Write("bin/program", stripped);
  Write("bin/program.debug", other);
  EXPECT_EQ(Names(image, stripped), (Strings{"", "exported"}));
}

TEST_F(DebugFilesTest, ALinkThatLeavesItsDirectoryIsNoLink) {
  const std::string debug = TestElf{kHidden, {}}.Bytes();
  for (const char* name : {"../program.debug", "/program.debug", "..", ""}) {
    TestElf stripped{{}, kExported};
    stripped.sections = {{".gnu_debuglink", LinkTo(name, debug)}};
    const auto file = FileOf(stripped.Bytes());
    EXPECT_FALSE(ReadDebugLink(file, *ReadElfSections(file, *ElfHeaders::Read(file)))) << name;
  }
}

TEST_F(DebugFilesTest, AnImageThatIsGoneIsNamedByItsDebugFile) {
  Write(kById, TestElf{kHidden, {}});
  EXPECT_EQ(Names("/bin/gone (deleted)", {0, 0, {0xab, 0xcd, 0xef}}, {kTextSvma}),
            Strings{"hidden"});
  EXPECT_EQ(Names("/bin/gone (deleted)", {0, 0, {0xab, 0xcd, 0x11}}, {kTextSvma}), Strings{""});
}

TEST_F(DebugFilesTest, ADebugFileThatChangesIsReadAgain) {
  const TestElf stripped{{}, kExported};
  const path image = Write("bin/program", stripped);
  ImageNamer namer(1 << 20, options_);
  NameRequest request{.kind = NameRequest::Kind::kFile,
                      .path = image,
                      .identity = {0, 0, stripped.build_id},
                      .pids = {},
                      .addresses = {kTextSvma}};
  const auto first = namer.Name({request}, kPatient)[0];
  EXPECT_EQ(first.name[0], 0u);
  Write(kById, TestElf{kHidden, {}});
  const auto second = namer.Name({request}, kPatient)[0];
  EXPECT_EQ(second.name[0], 1u);
  EXPECT_NE(first.identity, second.identity);
}

TEST_F(DebugFilesTest, TheCompressedTableWithinTheFileIsMergedWithTheExports) {
  TestElf stripped{{}, kExported};
  stripped.sections = {{".gnu_debugdata", Xz(TestElf{kHidden, {}}.Bytes())}};
  const path image = Write("bin/program", stripped);
  EXPECT_EQ(Names(image, stripped), (Strings{"hidden", "exported"}));
  Write(kById, TestElf{{{"better", kTextSvma, 16}}, {}});
  EXPECT_EQ(Names(image, stripped), (Strings{"better", "exported"}));
  options_.sources = {SymbolSource::kDebugData, SymbolSource::kDebugFile};
  EXPECT_EQ(Names(image, stripped), (Strings{"hidden", ""}));
  options_.sources = {SymbolSource::kDynsym};
  EXPECT_EQ(Names(image, stripped), (Strings{"", "exported"}));
}

TEST_F(DebugFilesTest, ADamagedCompressedTableCostsItsOwnNamesOnly) {
  const std::string good = Xz(TestElf{kHidden, {}}.Bytes());
  std::string flipped = good;
  flipped[good.size() / 2] ^= 0x55;
  for (const std::string& bad : {good.substr(0, good.size() / 2), flipped, std::string("no xz"),
                                 Xz("no ELF"), Xz(std::string(size_t{65} << 20, '\0'))}) {
    TestElf stripped{{}, kExported};
    stripped.sections = {{".gnu_debugdata", bad}};
    const path image = Write("bin/program", stripped);
    EXPECT_EQ(Names(image, stripped), (Strings{"", "exported"}));
    EXPECT_NE(result_.note, "");
  }
}

std::string Unknown(const std::string& bytes) { return WithHead(77, bytes, bytes); }

TEST_F(DebugFilesTest, CompressedSectionsAreInflated) {
  const TestElf stripped{{}, kExported};
  const path image = Write("bin/program", stripped);
  for (const auto method : {Zlib, Zstd}) {
    TestElf debug{kHidden, {}};
    debug.compress = method;
    Write(kById, debug);
    EXPECT_EQ(Names(image, stripped), (Strings{"hidden", "exported"}));
    EXPECT_EQ(result_.note, "");
  }
}

TEST_F(DebugFilesTest, AMethodThatIsNotKnownIsTheReason) {
  const TestElf stripped{{}, kExported};
  const path image = Write("bin/program", stripped);
  TestElf debug{kHidden, {}};
  debug.compress = Unknown;
  Write(kById, debug);
  EXPECT_EQ(Names(image, stripped), (Strings{"", "exported"}));
  EXPECT_NE(result_.note.find("method 77"), std::string::npos) << result_.note;
}

TEST(ReadSection, WhatClaimsToBeTooLargeOrIsDamagedIsRefused) {
  const auto read = [](const std::string& bytes, const char* name, bool compressed) {
    return ReadSection(FileOf(bytes),
                       {.name = name, .size = bytes.size(), .compressed = compressed}, true, 1000);
  };
  const std::string text(1000, 'x');
  ASSERT_TRUE(read(Zlib(text), ".debug_info", true));
  EXPECT_EQ(read(Zlib(text), ".debug_info", true)->size(), 1000u);
  EXPECT_EQ(read(Zlib(text + 'x'), ".debug_info", true).error().code, E2BIG);
  EXPECT_EQ(read(Zlib(text).substr(0, 30), ".debug_info", true).error().code, ENOEXEC);
  EXPECT_EQ(read(Zstd(text).substr(0, 30), ".debug_info", true).error().code, ENOEXEC);
  EXPECT_EQ(read("short", ".debug_info", true).error().code, ENOEXEC);
  const std::string old =
      std::string("ZLIB\0\0\0\0\0\0\3\xe8", 12) + Zlib(text).substr(sizeof(Elf64_Chdr));
  ASSERT_TRUE(read(old, ".zdebug_info", false));
  EXPECT_EQ(read(old, ".zdebug_info", false)->size(), 1000u);
}

TEST(SymbolCache, CopiesOfAFileShareWhatIsTheSameAndAForgedOneLendsNoName) {
  const auto file = [](const char* name) {
    TestElf elf{{{name, kTextSvma, 16}}, {}};
    return ImageFiles{FileOf(elf.Bytes()), {}, {}};
  };
  SymbolCache cache(1 << 20, SymbolOptions());
  // One build id, the same addresses, and names at the same place of the file.
  const ImageFiles honest = file("honest");
  const ImageFiles forged = file("forged");
  const auto first = *cache.FunctionsOf(honest);
  const size_t bytes = cache.bytes();
  const auto second = *cache.FunctionsOf(forged);
  EXPECT_EQ(first->sources(), second->sources());
  EXPECT_LT(cache.bytes() - bytes, bytes);
  EXPECT_EQ(first->NameOf(*first->Find(kTextSvma), honest), "honest");
  EXPECT_EQ(second->NameOf(*second->Find(kTextSvma), forged), "forged");
}

}  // namespace
}  // namespace sonde
