// Stacks that somebody recorded, of either architecture, by files that are, or are not, the recorded ones.
#include "core/recorded/recorded_unwinder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "core/symbols/content_hash.h"
#include "unwind/file_with_rows.h"

namespace sonde {
namespace {

constexpr uint32_t kPid = 77;
constexpr uint64_t kStart = 0x400000;
constexpr uint64_t kStack = 0x7ffd'0000'0000;
constexpr uint64_t kMaskOfX86 = 0xff0fff;
constexpr uint64_t kMaskOfAarch64 = (uint64_t{1} << 33) - 1;

/// A function that is left by what stands at its stack pointer, and one that nothing calls.
test::TestFrames FramesOfX86() {
  return {.functions = {{.svma = 0x1000, .size = 0x100},
                        {.svma = 0x2000, .size = 0x100, .instructions = {DW_CFA_undefined, 16}}}};
}

/// The same: it has saved frame pointer and link register in 16 bytes.
test::TestFrames FramesOfAarch64() {
  test::TestFrames frames{
      .functions = {
          {.svma = 0x1000,
           .size = 0x100,
           .instructions = {DW_CFA_def_cfa, 31, 16, DW_CFA_offset | 29, 2, DW_CFA_offset | 30, 1}},
          {.svma = 0x2000, .size = 0x100, .instructions = {DW_CFA_undefined, 30}}}};
  frames.cie.return_address = 30;
  frames.cie.instructions = {DW_CFA_def_cfa, 31, 0};
  return frames;
}

class RecordedUnwinderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "sonde-recorded-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& content) const {
    const std::string path = directory_ / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  static FileIdentity IdentityOf(const std::string& content) {
    const auto hash = ContentHashOf(FileOf(content));
    return {.content_hash = {hash->begin(), hash->end()}};
  }

  static RecordedSpaces::Mapping Program(const std::string& path, const FileIdentity& file) {
    return {.start = kStart, .end = kStart + 0x100000, .path = path, .file = file};
  }

  /// In the first function, called by the second.
  RecordedUnwinder::Sample SampleOfX86() {
    stack_ = {kStart + 0x2010, 0, 0, 0};
    registers_.assign(20, 0);
    registers_[7] = kStack;
    registers_[8] = kStart + 0x1010;
    return Sample(kMaskOfX86);
  }
  RecordedUnwinder::Sample SampleOfAarch64() {
    stack_ = {kStack + 0x100, kStart + 0x2010, 0, 0};
    registers_.assign(33, 0);
    registers_[31] = kStack;
    registers_[32] = kStart + 0x1010;
    return Sample(kMaskOfAarch64);
  }
  RecordedUnwinder::Sample Sample(uint64_t mask) const {
    return {.pid = kPid,
            .register_mask = mask,
            .registers = registers_,
            .stack = std::as_bytes(std::span(stack_))};
  }

  /// Its addresses from where the program was mapped, and what it ends with.
  static std::string StackOf(RecordedUnwinder& unwinder, const RecordedUnwinder::Sample& sample) {
    std::vector<uint64_t> frames;
    const auto outcome = unwinder.Unwind(sample, frames);
    std::ostringstream text;
    for (const uint64_t frame : frames) text << std::hex << frame - kStart << ' ';
    text << (outcome.state == StackState::kComplete ? "complete"
                                                    : unwinder.reasons()[outcome.reason]);
    return text.str();
  }

  std::filesystem::path directory_;
  std::vector<uint64_t> stack_;
  std::vector<uint64_t> registers_;
};

TEST_F(RecordedUnwinderTest, AStackIsUnwoundByTheRowsOfTheFileThatWasRecorded) {
  const std::string content = test::FileWithRows(FramesOfX86(), kX86_64);
  RecordedUnwinder unwinder("x86_64", {});
  unwinder.spaces().Map(kPid, Program(Write("program", content), IdentityOf(content)));
  EXPECT_EQ(StackOf(unwinder, SampleOfX86()), "1010 2010 complete");
  EXPECT_EQ(StackOf(unwinder, SampleOfX86()), "1010 2010 complete") << "and again";
}

TEST_F(RecordedUnwinderTest, TheArchitectureIsTheRecordings) {
  const std::string content = test::FileWithRows(FramesOfAarch64(), kAarch64);
  RecordedUnwinder unwinder("aarch64", {});
  unwinder.spaces().Map(kPid, Program(Write("program", content), IdentityOf(content)));
  EXPECT_EQ(StackOf(unwinder, SampleOfAarch64()), "1010 2010 complete");
}

TEST_F(RecordedUnwinderTest, AFileOfAnotherArchitectureIsNotUsed) {
  const std::string content = test::FileWithRows(FramesOfAarch64(), kAarch64);
  RecordedUnwinder unwinder("x86_64", {});
  unwinder.spaces().Map(kPid, Program(Write("program", content), IdentityOf(content)));
  EXPECT_EQ(StackOf(unwinder, SampleOfX86()), "1010 [broken: unreadable unwind rows in program]");
}

TEST_F(RecordedUnwinderTest, AnotherFileUnderTheRecordedPathIsNotUsed) {
  const std::string content = test::FileWithRows(FramesOfX86(), kX86_64);
  RecordedUnwinder unwinder("x86_64", {});
  const auto other = IdentityOf(content + "another build");
  unwinder.spaces().Map(kPid, Program(Write("program", content), other));
  EXPECT_EQ(StackOf(unwinder, SampleOfX86()), "1010 [broken: recorded file not here: program]");
  unwinder.spaces().Map(kPid, Program("/nowhere/gone", other));
  EXPECT_EQ(StackOf(unwinder, SampleOfX86()), "1010 [broken: recorded file not here: gone]");
}

TEST_F(RecordedUnwinderTest, AFileOfWhichTheRecordingSaysNoIdIsNotGuessed) {
  const std::string path = Write("program", test::FileWithRows(FramesOfX86(), kX86_64));
  struct stat status = {};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  RecordedUnwinder unwinder("x86_64", {});
  unwinder.spaces().Map(kPid, Program(path, {.inode = status.st_ino}));
  EXPECT_EQ(StackOf(unwinder, SampleOfX86()),
            "1010 [broken: recorded file not here: program (no build id recorded)]");
}

TEST_F(RecordedUnwinderTest, ARootOfAnotherMachineStandsForThisOne) {
  const std::string content = test::FileWithRows(FramesOfX86(), kX86_64);
  Write("root/opt/program", content);
  RecordedUnwinder unwinder("x86_64", {.places = {.root = directory_ / "root"}});
  unwinder.spaces().Map(kPid, Program("/opt/program", IdentityOf(content)));
  EXPECT_EQ(StackOf(unwinder, SampleOfX86()), "1010 2010 complete");
}

TEST_F(RecordedUnwinderTest, WhatNobodyUnwindsHereSaysSo) {
  RecordedUnwinder other("riscv64", {});
  EXPECT_EQ(StackOf(other, SampleOfX86()), "[broken: stacks of riscv64 are not unwound]");
  RecordedUnwinder unwinder("x86_64", {});
  auto narrow = SampleOfX86();
  narrow.is_32_bit = true;
  EXPECT_EQ(StackOf(unwinder, narrow), "[broken: stacks of 32-bit programs are not unwound]");
  auto few = SampleOfX86();
  few.register_mask = 1;
  EXPECT_EQ(StackOf(unwinder, few), "[broken: unknown registers]");
}

TEST_F(RecordedUnwinderTest, ThatNothingIsMappedIsSaid) {
  RecordedUnwinder unwinder("x86_64", {});
  EXPECT_EQ(StackOf(unwinder, SampleOfX86()), "1010 [broken: mappings not known]");
}

TEST_F(RecordedUnwinderTest, CodeMadeAtRunTimeIsLeftByFramePointersButNotThatOfJava) {
  const std::string content = test::FileWithRows(FramesOfX86(), kX86_64);
  RecordedUnwinder unwinder("x86_64", {});
  unwinder.spaces().Map(kPid, Program(Write("program", content), IdentityOf(content)));
  constexpr uint64_t kMade = kStart + 0x200000;
  unwinder.spaces().Map(kPid, {.start = kMade, .end = kMade + 0x1000, .path = "//anon"});
  SampleOfX86();
  stack_ = {0, 0, kStack + 0x100, kStart + 0x2010};
  registers_[6] = kStack + 16;
  registers_[8] = kMade + 0x10;
  EXPECT_EQ(StackOf(unwinder, Sample(kMaskOfX86)), "200010 2010 complete");
  unwinder.spaces().Map(kPid, {.start = 0x1000, .end = 0x2000, .path = "/jre/libjvm.so"});
  EXPECT_EQ(StackOf(unwinder, Sample(kMaskOfX86)),
            "200010 [broken: no unwind rows in code made at run time]");
}

TEST_F(RecordedUnwinderTest, WhereMoreOfTheStackWasThereItSaysThatItIsCut) {
  const std::string content = test::FileWithRows(FramesOfX86(), kX86_64);
  RecordedUnwinder unwinder("x86_64", {});
  unwinder.spaces().Map(kPid, Program(Write("program", content), IdentityOf(content)));
  auto sample = SampleOfX86();
  stack_[0] = kStart + 0x1020;
  stack_.resize(1);
  sample.stack = std::as_bytes(std::span(stack_));
  sample.cut = true;
  EXPECT_EQ(StackOf(unwinder, sample), "1010 1020 [truncated: stack bytes]");
}

TEST_F(RecordedUnwinderTest, DamagedSamplesComeToAnEnd) {
  const std::string content = test::FileWithRows(FramesOfX86(), kX86_64);
  const auto program = Program(Write("program", content), IdentityOf(content));
  RecordedUnwinder unwinder("x86_64", {});
  std::mt19937_64 random(9);
  std::vector<uint64_t> frames;
  for (int round = 0; round < 20'000; round++) {
    if (round % 100 == 0) {
      unwinder.spaces().Clear(kPid);
      unwinder.spaces().Map(kPid, program);
      unwinder.spaces().Map(kPid, {.start = kStart + random() % 0x110000,
                                   .end = random(),
                                   .file_offset = random(),
                                   .path = program.path,
                                   .file = program.file});
    }
    auto sample = SampleOfX86();
    for (uint64_t& word : stack_) {
      if (random() % 2 == 0) word = random() % 2 == 0 ? random() : kStart + random() % 0x3000;
    }
    for (uint64_t& value : registers_) {
      if (random() % 8 == 0) value = random() % 2 == 0 ? random() : kStack - 64 + random() % 128;
    }
    if (random() % 8 == 0) sample.register_mask = random();
    sample.registers = sample.registers.first(random() % 8 == 0 ? random() % 20 : 20);
    sample.stack = sample.stack.first(sample.stack.size() - random() % 9);
    sample.cut = random() % 2 == 0;
    frames.clear();
    const auto outcome = unwinder.Unwind(sample, frames);
    EXPECT_LE(frames.size(), Unwinder::kMaxFrames);
    EXPECT_LT(outcome.reason, unwinder.reasons().size());
  }
}

}  // namespace
}  // namespace sonde
