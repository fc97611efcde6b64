// Where files of recordings are looked for, and which of those that are there count.
#include "core/symbols/recorded_files.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

#include <chrono>

#include "core/symbols/content_hash.h"
#include "core/symbols/image_library.h"
#include "symbols/recorded_folder.h"

namespace sonde {
namespace {

const std::vector<uint8_t> kId = {0xab, 0xcd, 0xef};
const FileIdentity kMeant = {.build_id = kId};
const TestElf kFile = {
    .symbols = {{"recorded", kTextSvma, 16}}, .dynamic_symbols = {}, .build_id = kId};
const TestElf kOtherBuild = {
    .symbols = {{"another", kTextSvma, 16}}, .dynamic_symbols = {}, .build_id = {1, 2, 3}};

int CodeOf(const Result<TargetFile>& file) { return file ? 0 : file.error().code; }

int64_t UnixNow() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

FileIdentity InodeOf(const std::string& path, int64_t seen_here) {
  struct stat status = {};
  stat(path.c_str(), &status);
  return {.device = uint64_t{major(status.st_dev)} << 32 | minor(status.st_dev),
          .inode = status.st_ino,
          .seen_here = seen_here};
}

using RecordedFilesTest = RecordedFolder;

TEST_F(RecordedFilesTest, ARecordedPathCountsWithTheRecordedBuildIdOnly) {
  const RecordedFiles files;
  EXPECT_TRUE(files.Open(Write("same", kFile), kMeant));
  EXPECT_EQ(CodeOf(files.Open(Write("other", kOtherBuild), kMeant)), ESTALE);
  EXPECT_EQ(CodeOf(files.Open(At("absent"), kMeant)), ENOENT);
}

TEST_F(RecordedFilesTest, AFileThatWasDeletedMayHaveComeBack) {
  Write("back", kFile);
  EXPECT_TRUE(RecordedFiles().Open(At("back") + " (deleted)", kMeant));
}

TEST_F(RecordedFilesTest, AnotherRootStandsForTheMachinesOwn) {
  const std::string own = Write("bin/tool", kFile);
  const RecordedFiles files({.root = At("root")});
  EXPECT_EQ(CodeOf(files.Open(own, kMeant)), ENOENT);
  Write("root" + own, kOtherBuild);
  EXPECT_EQ(CodeOf(files.Open(own, kMeant)), ESTALE);
  Write("root/tool", kFile);
  EXPECT_TRUE(files.Open(own, kMeant));
  Write("root" + own, kFile);
  std::filesystem::remove(At("root/tool"));
  EXPECT_TRUE(files.Open(own, kMeant));
}

TEST_F(RecordedFilesTest, LinksOfAnotherRootStayWithinIt) {
  Write("root/usr/lib/real", kFile);
  std::filesystem::create_symlink("/usr/lib", At("root/lib"));
  EXPECT_TRUE(RecordedFiles({.root = At("root")}).Open("/lib/real", kMeant));
}

TEST_F(RecordedFilesTest, CachesAndDebugDirectoriesAreAskedByBuildId) {
  Write("cache/tool/id/elf", kFile);
  std::filesystem::create_directories(At("cache/.build-id/ab"));
  std::filesystem::create_directory_symlink("../../tool/id", At("cache/.build-id/ab/cdef"));
  EXPECT_TRUE(RecordedFiles({.build_id_caches = {At("cache")}}).Open("/gone", kMeant));
  Write("debug/.build-id/ab/cdef", kFile);
  EXPECT_TRUE(RecordedFiles({.debug_directories = {At("debug")}}).Open("/gone", kMeant));
  Write("forged/.build-id/ab/cdef", kOtherBuild);
  EXPECT_FALSE(RecordedFiles({.debug_directories = {At("forged")}}).Open("/gone", kMeant));
}

TEST_F(RecordedFilesTest, WithoutABuildIdTheContentHashDecides) {
  TestElf plain = kFile;
  plain.build_id = {};
  const std::string path = Write("plain", plain);
  const auto hash = ContentHashOf(FileOf(plain.Bytes()));
  ASSERT_TRUE(hash);
  const FileIdentity meant = {.content_hash = {hash->begin(), hash->end()}};
  EXPECT_TRUE(RecordedFiles().Open(path, meant));
  plain.symbols[0].name = "changed";
  EXPECT_EQ(CodeOf(RecordedFiles().Open(Write("plain", plain), meant)), ESTALE);
}

TEST_F(RecordedFilesTest, AnInodeCountsOnItsOwnMachineAsLongAsTheFileIsNotChanged) {
  const std::string path = Write("plain", kFile);
  const int64_t later = UnixNow() + 1'000'000'000;
  EXPECT_TRUE(RecordedFiles().Open(path, InodeOf(path, later)));
  EXPECT_EQ(CodeOf(RecordedFiles().Open(path, InodeOf(path, 0))), ESTALE);
  EXPECT_EQ(CodeOf(RecordedFiles().Open(path, {.seen_here = later})), ESTALE);

  // Changed after the recording, with its old times put back.
  const FileIdentity before = InodeOf(path, later - 3'600'000'000'000);
  const timeval old[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(utimes(path.c_str(), old), 0);
  EXPECT_EQ(CodeOf(RecordedFiles().Open(path, before)), ESTALE);
  // The inode of another machine is none below its root.
  Write("root" + path, kFile);
  EXPECT_FALSE(RecordedFiles({.root = At("root")}).Open(path, InodeOf(At("root") + path, later)));
}

TEST_F(RecordedFilesTest, AFileOfTheOtherArchitectureIsNamed) {
  std::string bytes = kFile.Bytes();
  bytes[18] = static_cast<char>(bytes[18] == EM_X86_64 ? EM_AARCH64 & 0xff : EM_X86_64);
  const std::string path = Write("foreign", bytes);
  ImageLibrary library(1 << 20, {});
  const NameRequest request{.kind = NameRequest::Kind::kFile,
                            .path = path,
                            .identity = kMeant,
                            .pids = {},
                            .addresses = {kTextSvma + 4}};
  const auto files = library.Open(request);
  ASSERT_TRUE(files);
  const auto functions = library.FunctionsOf(*files);
  ASSERT_TRUE(functions) << functions.error().what;
  const auto match = (*functions)->Find(kTextSvma + 4);
  ASSERT_TRUE(match);
  EXPECT_EQ((*functions)->NameOf(*match, *files), "recorded");
}

TEST_F(RecordedFilesTest, TheVdsoOfAnotherKernelIsTakenFromACacheWithItsBuildIdOnly) {
  Write("cache/.build-id/ab/cdef/vdso", kFile);
  Write("forged/.build-id/ab/cdef/vdso", kOtherBuild);
  const NameRequest request{.kind = NameRequest::Kind::kVdso,
                            .path = "[vdso]",
                            .identity = kMeant,
                            .pids = {},
                            .addresses = {}};
  EXPECT_TRUE(ImageLibrary(1 << 20, {.build_id_caches = {At("cache")}}).Open(request));
  EXPECT_FALSE(ImageLibrary(1 << 20, {.build_id_caches = {At("forged")}}).Open(request));
  EXPECT_FALSE(ImageLibrary(1 << 20, {}).Open(request));
}

}  // namespace
}  // namespace sonde
