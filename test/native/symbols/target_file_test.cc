#include "core/symbols/target_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>

#include "core/symbols/elf_headers.h"
#include "core/symbols/mapped_file.h"
#include "symbols/child_process.h"
#include "symbols/elf_builder.h"

namespace sonde {
namespace {

class TargetFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "sonde-target-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    chmod(pattern.c_str(), 0755);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path(const std::string& name) const { return directory_ / name; }
  std::string Write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((directory_ / name).parent_path());
    std::ofstream(Path(name), std::ios::binary) << content;
    return Path(name);
  }

  std::filesystem::path directory_;
};

FileIdentity IdentityOf(const std::string& path) {
  struct stat status = {};
  EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
  return {uint64_t{major(status.st_dev)} << 32 | minor(status.st_dev), status.st_ino, {}};
}

/// The content of the file opened, or the error.
std::string Read(const Result<TargetFile>& file) {
  if (!file) return "error " + std::to_string(file.error().code) + ": " + file.error().what;
  std::string content(file->size(), '\0');
  const auto count = file->ReadAt(std::as_writable_bytes(std::span(content)), 0);
  return count ? content.substr(0, *count) : count.error().what;
}

int CodeOf(const Result<TargetFile>& file) { return file ? 0 : file.error().code; }

/// Maps the file executable and keeps it.
bool Map(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY);
  const void* memory = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
  close(fd);
  return memory != MAP_FAILED;
}

/// Device and inode as the kernel reports them for a mapping.
FileIdentity MappedIdentity(pid_t pid, const std::string& name) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(name) == std::string::npos) continue;
    unsigned device_major = 0;
    unsigned device_minor = 0;
    unsigned long inode = 0;
    std::sscanf(line.c_str(), "%*s %*s %*s %x:%x %lu", &device_major, &device_minor, &inode);
    return {uint64_t{device_major} << 32 | device_minor, inode, {}};
  }
  return {};
}

TEST_F(TargetFileTest, TheFileThatWasMeantIsRead) {
  const std::string path = Write("lib.so", "content");
  const auto file = TargetFile::Open(getpid(), path, IdentityOf(path));
  EXPECT_EQ(Read(file), "content");
}

TEST_F(TargetFileTest, NothingIsReadWhereNothingTellsTheFile) {
  const std::string path = Write("lib.so", "content");
  EXPECT_EQ(CodeOf(TargetFile::Open(getpid(), path, {})), ESTALE);
  EXPECT_EQ(CodeOf(TargetFile::Open(getpid(), "[heap]", IdentityOf(path))), ENOENT);
}

TEST_F(TargetFileTest, AReplacedFileIsNotUsed) {
  const std::string path = Write("lib.so", "old");
  const auto meant = IdentityOf(path);
  Write("new", "new");
  std::filesystem::rename(Path("new"), path);
  EXPECT_EQ(CodeOf(TargetFile::Open(getpid(), path, meant)), ESTALE);
}

TEST_F(TargetFileTest, AnotherInodeOnAnotherDeviceIsNotUsed) {
  const std::string path = Write("lib.so", "content");
  auto meant = IdentityOf(path);
  meant.device += 1;
  EXPECT_EQ(CodeOf(TargetFile::Open(getpid(), path, meant)), ESTALE);
}

TEST_F(TargetFileTest, WhereTheBuildIdIsKnownItDecides) {
  TestElf elf;
  elf.build_id = {1, 2, 3, 4};
  const std::string path = Write("lib.so", elf.Bytes());
  EXPECT_TRUE(TargetFile::Open(getpid(), path, {0, 0, {1, 2, 3, 4}}));
  EXPECT_TRUE(TargetFile::Open(getpid(), path, {7, 7, {1, 2, 3, 4}}));
  auto other = IdentityOf(path);
  other.build_id = {1, 2, 3, 5};
  EXPECT_EQ(CodeOf(TargetFile::Open(getpid(), path, other)), ESTALE);
  Write("lib.so", "no ELF file any more");
  EXPECT_EQ(CodeOf(TargetFile::Open(getpid(), path, {0, 0, {1, 2, 3, 4}})), ESTALE);
}

TEST_F(TargetFileTest, AFifoAndADeviceInTheFilesPlaceAreRefusedAtOnce) {
  const std::string fifo = Path("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0644), 0);
  EXPECT_EQ(CodeOf(TargetFile::Open(getpid(), fifo, IdentityOf(fifo))), EINVAL);
  EXPECT_EQ(CodeOf(TargetFile::Open(getpid(), "/dev/null", IdentityOf("/dev/null"))), EINVAL);
}

TEST_F(TargetFileTest, ADeletedFileIsReadThroughItsMapping) {
  const std::string path = Write("lib.so", "deleted content");
  const ChildProcess child([&] { return Map(path); });
  ASSERT_TRUE(child.ready());
  const auto meant = IdentityOf(path);
  std::filesystem::remove(path);
  if (geteuid() != 0) GTEST_SKIP() << "map_files needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE";
  const auto file = TargetFile::Open(child.pid(), path + " (deleted)", meant);
  EXPECT_EQ(Read(file), "deleted content");
}

TEST_F(TargetFileTest, AFileInADeletedOnesPlaceIsNotUsed) {
  const std::string path = Write("lib.so", "old");
  const ChildProcess child([&] { return Map(path); });
  ASSERT_TRUE(child.ready());
  const auto meant = IdentityOf(path);
  Write("new", "new");
  std::filesystem::rename(Path("new"), path);
  if (geteuid() == 0) {
    EXPECT_EQ(Read(TargetFile::Open(child.pid(), path, meant)), "old");
  }
  EXPECT_EQ(CodeOf(TargetFile::Open(getpid(), path, meant)), ESTALE);
}

TEST_F(TargetFileTest, ADeletedFileThatCameBackIsKnownByItsBuildId) {
  TestElf elf;
  elf.build_id = {1, 2, 3, 4};
  const std::string path = Write("lib.so", elf.Bytes());
  EXPECT_TRUE(TargetFile::Open(getpid(), path + " (deleted)", {0, 0, {1, 2, 3, 4}}));
  EXPECT_FALSE(TargetFile::Open(getpid(), path + " (deleted)", {0, 0, {1, 2, 3, 5}}));
}

TEST_F(TargetFileTest, OfAProcessThatIsGoneTheAgentsOwnFileIsRead) {
  const std::string path = Write("lib.so", "content");
  pid_t gone = 0;
  {
    const ChildProcess child([] { return true; });
    gone = child.pid();
  }
  EXPECT_EQ(Read(TargetFile::Open(gone, path, IdentityOf(path))), "content");
  auto other = IdentityOf(path);
  other.inode += 1;
  EXPECT_EQ(CodeOf(TargetFile::Open(gone, path, other)), ENOENT);
}

TEST_F(TargetFileTest, LinksOfAChangedRootStayInIt) {
  if (geteuid() != 0) GTEST_SKIP() << "chroot needs root";
  const std::string secret = Write("secret", "secret");
  Write("root/inside", "inside");
  symlink(secret.c_str(), Path("root/absolute").c_str());
  symlink("../../../../../../../../inside", Path("root/upwards").c_str());
  symlink("/inside", Path("root/good").c_str());
  const ChildProcess child([&] { return chroot(Path("root").c_str()) == 0 && chdir("/") == 0; });
  ASSERT_TRUE(child.ready());
  const auto inside = IdentityOf(Path("root/inside"));
  EXPECT_EQ(CodeOf(TargetFile::Open(child.pid(), "/absolute", IdentityOf(secret))), ENOENT);
  EXPECT_EQ(Read(TargetFile::Open(child.pid(), "/upwards", inside)), "inside");
  EXPECT_EQ(Read(TargetFile::Open(child.pid(), "/good", inside)), "inside");
}

TEST_F(TargetFileTest, LinksOfProcfsAreNotFollowed) {
  const std::string path = Write("lib.so", "content");
  const std::string magic = "/proc/self/root" + path;
  EXPECT_EQ(CodeOf(TargetFile::Open(getpid(), magic, IdentityOf(path))), ELOOP);
}

TEST_F(TargetFileTest, AFileOfAnotherMountNamespaceIsReadThere) {
  const std::string path = Write("mount/lib.so", "here");
  const ChildProcess child([&] {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", Path("mount").c_str(), "tmpfs", 0, nullptr) != 0) {
      return false;
    }
    Write("mount/lib.so", "there");
    return Map(path);
  });
  if (!child.ready()) GTEST_SKIP() << "mounting needs CAP_SYS_ADMIN";
  const auto meant = MappedIdentity(child.pid(), "lib.so");
  EXPECT_EQ(Read(TargetFile::Open(child.pid(), path, meant)), "there");
  EXPECT_EQ(CodeOf(TargetFile::Open(child.pid(), path, IdentityOf(path))), 0) << "the agent's own";
  EXPECT_EQ(CodeOf(TargetFile::Open(0, path, meant)), ESTALE);
}

TEST_F(TargetFileTest, AFileOfAnOverlayIsKnownByItsInode) {
  const std::string lower = Write("lower/lib.so", "layered");
  for (const char* name : {"upper", "work", "merged"})
    std::filesystem::create_directory(Path(name));
  const std::string options =
      "lowerdir=" + Path("lower") + ",upperdir=" + Path("upper") + ",workdir=" + Path("work");
  const std::string path = Path("merged/lib.so");
  const ChildProcess child([&] {
    return unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           mount("overlay", Path("merged").c_str(), "overlay", 0, options.c_str()) == 0 &&
           Map(path);
  });
  if (!child.ready()) GTEST_SKIP() << "no overlay can be mounted here";
  const auto meant = MappedIdentity(child.pid(), "merged/lib.so");
  EXPECT_EQ(Read(TargetFile::Open(child.pid(), path, meant)), "layered");
}

TEST_F(TargetFileTest, WhatMayNotBeReadIsAnErrorWithAName) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to give it up";
  const std::string path = Write("lib.so", "content");
  chmod(path.c_str(), 0);
  const auto meant = IdentityOf(path);
  const ChildProcess child([&] {
    return setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0 &&
           CodeOf(TargetFile::Open(getpid(), path, meant)) == EACCES;
  });
  EXPECT_TRUE(child.ready());
}

TEST_F(TargetFileTest, AFileThatIsCutIsReadToItsNewEnd) {
  const std::string path = Write("lib.so", std::string(10000, 'x'));
  const auto file = TargetFile::Open(getpid(), path, IdentityOf(path));
  ASSERT_TRUE(file);
  ASSERT_EQ(truncate(path.c_str(), 10), 0);
  EXPECT_EQ(Read(file), "xxxxxxxxxx");
  std::byte last;
  EXPECT_EQ(*file->ReadAt(std::span(&last, 1), ~uint64_t{0}), 0u);
}

}  // namespace
}  // namespace sonde
