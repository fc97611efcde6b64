#include "core/symbols/file_task.h"

#include <gtest/gtest.h>
#include <sched.h>

#include "symbols/child_process.h"

namespace sonde {
namespace {

const std::string kPath = "/lib/libc.so.6";
const FileIdentity kIdentity = {.device = 1, .inode = 2};

TEST(FileTask, ProcessesWithOneRootHaveOneFileUnderAPath) {
  const ChildProcess process([] { return true; });
  const auto own = FileTask(getpid(), kPath, kIdentity);
  const auto same = FileTask(process.pid(), kPath, kIdentity);
  EXPECT_EQ(own.name, same.name);
  EXPECT_EQ(own.owner, same.owner);
  EXPECT_NE(own.name, FileTask(getpid(), kPath, {.device = 1, .inode = 3}).name);
  EXPECT_NE(own.name, FileTask(getpid(), kPath, {.device = 3, .inode = 2}).name);
  EXPECT_NE(own.name, FileTask(getpid(), kPath, {.build_id = {1}}).name);
  EXPECT_NE(own.name, FileTask(getpid(), kPath + "2", kIdentity).name);
}

TEST(FileTask, AnotherRootIsAnotherFileOfTheSameOwner) {
  const ChildProcess process([] { return chroot("/usr") == 0; });
  if (!process.ready()) GTEST_SKIP() << "needs CAP_SYS_CHROOT";
  const auto task = FileTask(process.pid(), kPath, kIdentity);
  EXPECT_NE(task.name, FileTask(getpid(), kPath, kIdentity).name);
  EXPECT_EQ(task.owner, FileTask(getpid(), kPath, kIdentity).owner);
}

TEST(FileTask, AnotherMountNamespaceIsAnotherOwnerOfTheSameUser) {
  const ChildProcess process([] { return unshare(CLONE_NEWNS) == 0; });
  if (!process.ready()) GTEST_SKIP() << "needs CAP_SYS_ADMIN";
  const auto own = TaskOfProcess(getpid(), "work");
  const auto task = TaskOfProcess(process.pid(), "work");
  EXPECT_NE(task.owner, own.owner);
  EXPECT_EQ(task.user, own.user);
}

TEST(FileTask, AnotherUserIsAnotherOwner) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become somebody";
  const ChildProcess process([] { return setresuid(12345, 12345, 12345) == 0; });
  const auto own = TaskOfProcess(getpid(), "work");
  const auto task = TaskOfProcess(process.pid(), "work");
  EXPECT_NE(task.owner, own.owner);
  EXPECT_NE(task.user, own.user);
}

TEST(FileTask, WhatNobodyCanBeAskedAboutIsCountedTogether) {
  const auto none = FileTask(0, kPath, kIdentity);
  EXPECT_NE(none.owner, "");
  EXPECT_NE(none.owner, FileTask(getpid(), kPath, kIdentity).owner);
  EXPECT_EQ(none.owner, FileTask(NameRequest()).owner);
}

}  // namespace
}  // namespace sonde
