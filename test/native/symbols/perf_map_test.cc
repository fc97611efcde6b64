#include "core/symbols/perf_map.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sonde {
namespace {

constexpr uint64_t kAll = 64 << 20;

class PerfMapTest : public testing::Test {
 protected:
  ~PerfMapTest() override { std::filesystem::remove(path_); }

  void Write(const std::string& text) { std::ofstream(path_, std::ios::trunc) << text; }
  void Append(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }
  TargetFile Open() const {
    return std::move(*TargetFile::FromDescriptor(UniqueFd(open(path_.c_str(), O_RDONLY))));
  }
  /// Reads what is new; how many bytes that were.
  uint64_t Update(uint64_t max_bytes = kAll) { return *map_.Update(Open(), max_bytes); }
  /// `function+offset` of an address, or nothing.
  std::string At(uint64_t avma) const {
    const auto code = map_.Find(avma);
    if (!code) return "";
    ReadAllowance allowance(1 << 20);
    const auto name = map_.NameOf(*code, avma, Open(), allowance);
    return name ? name->function + "+" + std::to_string(name->offset) : "?";
  }

  const std::string path_ =
      std::filesystem::temp_directory_path() / ("sonde-perf-map-" + std::to_string(getpid()));
  PerfMap map_{1 << 20};
};

TEST_F(PerfMapTest, NothingIsReadBeyondWhatTheRequestMay) {
  Write("1000 20 one\n");
  Update();
  ReadAllowance allowance(10'000);
  int named = 0;
  while (map_.NameOf(*map_.Find(0x1000), 0x1000, Open(), allowance)) ASSERT_LT(named++, 1000);
  EXPECT_GT(named, 1);
  EXPECT_TRUE(allowance.refused());
}

TEST_F(PerfMapTest, LinesOfAllRuntimesAreRead) {
  Write(
      "7f0000001000 20 LazyCompile:~work /app/main.js:12:5\n"
      "0x7f0000002000 0x10 py::fib:/app/fib.py\n"
      "00007F0000003000\t8\tLjava/lang/String;::hash Code\r\n");
  Update();
  EXPECT_EQ(At(0x7f0000001004), "LazyCompile:~work /app/main.js:12:5+4");
  EXPECT_EQ(At(0x7f000000200f), "py::fib:/app/fib.py+15");
  EXPECT_EQ(At(0x7f0000003000), "Ljava/lang/String;::hash Code+0");
  EXPECT_EQ(At(0x7f0000002010), "");
  EXPECT_EQ(map_.damaged(), 0u);
}

TEST_F(PerfMapTest, DamagedLinesAreCountedAndLeftOut) {
  Write(
      "1000 10 before\n\nnonsense\n2000 10\n2000 10 \n-1 5 x\n3000 xyz f\n"
      "10000000000000000 1 wide\nffffffffffffffff 10 last\n4000 80000000 large\n"
      "5000 0 empty\n1020 10 after\n");
  Update();
  EXPECT_EQ(map_.functions(), 2u);
  EXPECT_EQ(map_.damaged(), 9u);
  EXPECT_EQ(At(0x1000), "before+0");
  EXPECT_EQ(At(0x1020), "after+0");
}

TEST_F(PerfMapTest, OnlyWhatWasAppendedIsReadAgain) {
  Write("1000 10 one\n2000 10 tw");
  EXPECT_EQ(Update(), 12u) << "a line that is being written waits";
  EXPECT_EQ(At(0x2000), "");
  Append("o\n1008 10 three\n");
  EXPECT_EQ(Update(), 26u);
  EXPECT_EQ(At(0x2001), "two+1");
  EXPECT_EQ(At(0x1008), "three+0");
  EXPECT_EQ(At(0x1000), "") << "its memory was used again";
  EXPECT_EQ(Update(), 0u);
}

TEST_F(PerfMapTest, AFileThatIsCutOrReplacedIsReadAnew) {
  Write("1000 10 one\n2000 10 two\n");
  Update();
  Write("3000 10 three\n");
  Update();
  EXPECT_EQ(At(0x1000), "");
  EXPECT_EQ(At(0x3000), "three+0");
  Write("4000 10 four\n5000 10 five, and longer than what was there\n");
  Update();
  EXPECT_EQ(At(0x3000), "") << "cut, and longer again";
  EXPECT_EQ(At(0x4000), "four+0");
  std::ofstream(path_ + ".new") << "6000 10 six\n4000 10 four, and longer than what was there\n";
  std::filesystem::rename(path_ + ".new", path_);
  Update();
  EXPECT_EQ(At(0x4000), "four, and longer than what was there+0");
  EXPECT_EQ(At(0x6000), "six+0");
}

TEST_F(PerfMapTest, ANameIsReadOnlyWhereItsLineStillStands) {
  Write("1000 10 one\n");
  Update();
  Write("2000 10 one\n");
  EXPECT_EQ(At(0x1000), "?");
}

TEST_F(PerfMapTest, OfALargeFileTheEndIsRead) {
  Write("1000 10 old\n2000 10 two\n3000 10 three\n");
  EXPECT_EQ(Update(20), 20u);
  EXPECT_EQ(map_.left_out(), 18u);
  EXPECT_EQ(At(0x1000), "");
  EXPECT_EQ(At(0x2000), "") << "its line is cut";
  EXPECT_EQ(At(0x3000), "three+0");
  Append("4000 10 four\n");
  Update(20);
  EXPECT_EQ(At(0x3000), "three+0");
  EXPECT_EQ(At(0x4000), "four+0");
  Append("1000 10 five\n2000 10 six\n");
  Update(20);
  EXPECT_EQ(At(0x3000), "") << "what was left out may have replaced it";
  EXPECT_EQ(At(0x2000), "six+0");
}

TEST_F(PerfMapTest, OfTooManyFunctionsThoseSaidLastAreKept) {
  map_ = PerfMap(2);
  Write("1000 10 one\n2000 10 two\n3000 10 three\n");
  Update();
  EXPECT_TRUE(map_.forgot());
  EXPECT_EQ(At(0x1000), "");
  EXPECT_EQ(At(0x2000), "two+0");
  EXPECT_EQ(At(0x3000), "three+0");
}

TEST_F(PerfMapTest, LongNamesAreCutBetweenCharacters) {
  std::string name(kLongestCodeName - 1, 'n');
  Write("1000 10 " + name + "ää\n2000 10 " + name + "m\n");
  Update();
  EXPECT_EQ(At(0x1000), name + "…+0");
  EXPECT_EQ(At(0x2000), name + "m+0");
}

TEST_F(PerfMapTest, ALineWithoutEndIsReadOnceAndHurtsNoOther) {
  const std::string endless(1 << 20, 'x');
  Write("1000 10 one\n2000 10 " + endless);
  EXPECT_GT(Update(), 700'000u);
  EXPECT_LT(Update(), 1u);
  Append("\n3000 10 three\n");
  Update();
  EXPECT_EQ(At(0x3000), "three+0");
  EXPECT_EQ(At(0x2000).substr(0, 10), "xxxxxxxxxx");
  EXPECT_EQ(map_.damaged(), 0u);
}

}  // namespace
}  // namespace sonde
