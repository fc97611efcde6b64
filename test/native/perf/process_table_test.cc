// What a process is follows from /proc and from the records after it: exec, fork, exit, and a pid used again.
#include "core/perf/process_table.h"

#include <gtest/gtest.h>

namespace sonde {
namespace {

using Kind = ProcessEventKind;

class ProcessTableTest : public testing::Test {
 protected:
  void SetUp() override { table_.BeginWindow(strings_); }

  void NextWindow() {
    table_.EndWindow();
    strings_ = StringTable();
    table_.BeginWindow(strings_);
  }
  bool Comm(uint64_t time, uint32_t tid, const std::string& name, uint32_t pid = 0) {
    return table_.Apply(
        {.kind = Kind::kComm, .time = time, .pid = pid == 0 ? tid : pid, .tid = tid, .text = name});
  }
  bool Exec(uint64_t time, uint32_t pid, const std::string& name) {
    return table_.Apply(
        {.kind = Kind::kComm, .time = time, .pid = pid, .tid = pid, .exec = true, .text = name});
  }
  bool Map(uint64_t time, uint32_t pid, uint64_t start, const std::string& path) {
    return table_.Apply({.kind = Kind::kMmap,
                         .time = time,
                         .pid = pid,
                         .tid = pid,
                         .text = path,
                         .start = start,
                         .end = start + 0x1000});
  }
  bool Fork(uint64_t time, uint32_t parent, uint32_t pid) {
    return table_.Apply({.kind = Kind::kFork,
                         .time = time,
                         .pid = pid,
                         .tid = pid,
                         .parent_pid = parent,
                         .parent_tid = parent});
  }
  bool NewThread(uint64_t time, uint32_t pid, uint32_t tid) {
    return table_.Apply({.kind = Kind::kFork,
                         .time = time,
                         .pid = pid,
                         .tid = tid,
                         .parent_pid = pid,
                         .parent_tid = pid});
  }
  bool Exit(uint64_t time, uint32_t pid, uint32_t tid) {
    return table_.Apply({.kind = Kind::kExit, .time = time, .pid = pid, .tid = tid});
  }

  std::string At(uint32_t pid, uint64_t address, uint64_t time) {
    Process* process = table_.Find(pid);
    if (process == nullptr) return "no such process";
    const auto* mapped = process->space.Find(address, process->space.EpochAt(time));
    return mapped == nullptr ? "" : mapped->range.image->path;
  }
  std::string NameAt(uint32_t tid, uint64_t time, uint32_t pid = 0) {
    return strings_.texts()[table_.CommAt(pid == 0 ? tid : pid, tid, time)];
  }

  StringTable strings_;
  ProcessTable table_;
};

TEST_F(ProcessTableTest, AnExecReplacesWhatWasMapped) {
  Comm(10, 5, "sh");
  Map(10, 5, 0x1000, "/bin/sh");
  Exec(20, 5, "app");
  Map(21, 5, 0x5000, "/bin/app");
  EXPECT_EQ(At(5, 0x1000, 15), "/bin/sh");
  EXPECT_EQ(At(5, 0x1000, 25), "");
  EXPECT_EQ(At(5, 0x5000, 25), "/bin/app");
  EXPECT_EQ(NameAt(5, 15), "sh");
  EXPECT_EQ(NameAt(5, 25), "app");
}

TEST_F(ProcessTableTest, AnExecEndsTheOtherThreads) {
  Comm(10, 5, "server");
  NewThread(11, 5, 6);
  Exec(20, 5, "app");
  EXPECT_EQ(table_.Find(5)->threads, (std::unordered_set<uint32_t>{5}));
  EXPECT_TRUE(table_.FindThread(6)->gone);
}

TEST_F(ProcessTableTest, AForkInheritsNameAndMappingsOfThatMoment) {
  Comm(10, 5, "parent");
  Map(10, 5, 0x1000, "/bin/parent");
  Fork(20, 5, 7);
  Map(30, 5, 0x2000, "/lib/later");
  EXPECT_EQ(NameAt(7, 25), "parent");
  EXPECT_EQ(At(7, 0x1000, 25), "/bin/parent");
  EXPECT_EQ(At(7, 0x2000, 35), "");
}

TEST_F(ProcessTableTest, AThreadIsNoNewProcess) {
  Comm(10, 5, "server");
  Map(10, 5, 0x1000, "/bin/server");
  NewThread(20, 5, 6);
  Comm(21, 6, "worker", 5);
  EXPECT_EQ(NameAt(6, 20, 5), "server");
  EXPECT_EQ(NameAt(6, 22, 5), "worker");
  EXPECT_EQ(NameAt(5, 22), "server");
  Exit(30, 5, 6);
  EXPECT_FALSE(table_.Find(5)->gone);
  EXPECT_EQ(At(5, 0x1000, 35), "/bin/server");
}

TEST_F(ProcessTableTest, AThreadThatNobodyReportedGoesByItsProcess) {
  Comm(10, 5, "server");
  EXPECT_EQ(NameAt(6, 20, 5), "server");
  EXPECT_EQ(NameAt(99, 20), "");
}

TEST_F(ProcessTableTest, APidThatIsUsedAgainIsAnotherProcess) {
  Comm(10, 5, "first");
  Map(10, 5, 0x1000, "/bin/first");
  Exit(20, 5, 5);
  Comm(10, 1, "init");
  Map(10, 1, 0x1000, "/bin/init");
  Fork(30, 1, 5);
  Exec(31, 5, "second");
  Map(32, 5, 0x1000, "/bin/second");
  EXPECT_EQ(NameAt(5, 15), "first");
  EXPECT_EQ(At(5, 0x1000, 15), "/bin/first");
  EXPECT_EQ(At(5, 0x1000, 30), "/bin/init");
  EXPECT_EQ(NameAt(5, 35), "second");
  EXPECT_EQ(At(5, 0x1000, 35), "/bin/second");
  NextWindow();
  EXPECT_EQ(NameAt(5, 40), "second");
  EXPECT_EQ(At(5, 0x1000, 40), "/bin/second");
}

TEST_F(ProcessTableTest, APidThatIsUsedAgainThoughItsExitWasLostIsAnotherProcess) {
  Comm(10, 5, "first");
  Map(10, 5, 0x1000, "/bin/first");
  NewThread(11, 5, 6);
  Comm(10, 1, "init");
  Fork(30, 1, 5);
  EXPECT_EQ(At(5, 0x1000, 25), "/bin/first");
  EXPECT_EQ(At(5, 0x1000, 35), "");
  EXPECT_EQ(table_.Find(5)->threads, (std::unordered_set<uint32_t>{5}));
}

TEST_F(ProcessTableTest, AProcessThatExitedIsKnownUntilTheWindowCloses) {
  Comm(10, 5, "brief");
  Map(10, 5, 0x1000, "/bin/brief");
  Exit(20, 5, 5);
  EXPECT_EQ(At(5, 0x1000, 15), "/bin/brief");
  EXPECT_EQ(NameAt(5, 15), "brief");
  NextWindow();
  EXPECT_EQ(table_.Find(5), nullptr);
  EXPECT_EQ(table_.FindThread(5), nullptr);
}

TEST_F(ProcessTableTest, ANameLastsFromWindowToWindow) {
  Comm(10, 5, "app");
  NextWindow();
  EXPECT_EQ(NameAt(5, 30), "app");
  Comm(40, 5, "renamed");
  EXPECT_EQ(NameAt(5, 39), "app");
  EXPECT_EQ(NameAt(5, 40), "renamed");
}

TEST_F(ProcessTableTest, ARecordFromBeforeProcWasReadSaysNothingNew) {
  table_.AddScanned({.pid = 5, .as_of = 100, .threads = {{.tid = 5, .comm = "app"}}});
  EXPECT_FALSE(Comm(99, 5, "sh"));
  EXPECT_FALSE(Exit(99, 5, 5));
  EXPECT_EQ(NameAt(5, 150), "app");
  EXPECT_TRUE(Comm(100, 5, "renamed"));
  EXPECT_EQ(NameAt(5, 150), "renamed");
}

TEST_F(ProcessTableTest, WhatIsNotInProcAfterALossIsGone) {
  Comm(10, 5, "stays");
  Comm(10, 6, "went unnoticed");
  table_.KeepOnly({5});
  NextWindow();
  EXPECT_NE(table_.Find(5), nullptr);
  EXPECT_EQ(table_.Find(6), nullptr);
}

TEST_F(ProcessTableTest, AMappingWithoutAnyBytesIsNone) {
  Comm(10, 5, "app");
  table_.Apply({.kind = Kind::kMmap, .time = 11, .pid = 5, .text = "/a", .start = 8, .end = 8});
  EXPECT_EQ(table_.last_mapped(), nullptr);
}

}  // namespace
}  // namespace sonde
