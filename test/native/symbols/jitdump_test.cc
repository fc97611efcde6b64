#include "core/symbols/jitdump.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "symbols/jitdump_bytes.h"

namespace sonde {
namespace {

constexpr uint64_t kEnd = 1'000'000;
constexpr uint64_t kAll = 64 << 20;

class JitdumpTest : public testing::Test {
 protected:
  ~JitdumpTest() override { std::filesystem::remove(path_); }

  void Write(const std::string& bytes) {
    std::ofstream(path_, std::ios::trunc | std::ios::binary) << bytes;
  }
  void Append(const std::string& bytes) {
    std::ofstream(path_, std::ios::app | std::ios::binary) << bytes;
  }
  TargetFile Open() const {
    return std::move(*TargetFile::FromDescriptor(UniqueFd(open(path_.c_str(), O_RDONLY))));
  }
  Jitdump::Progress Update(uint64_t time = kEnd, uint64_t max_bytes = kAll) {
    return *dump_.Update(Open(), time, max_bytes);
  }
  /// `function+offset file:line` of an address, or nothing.
  std::string At(uint64_t avma) const {
    const auto code = dump_.Find(avma);
    if (!code) return "";
    ReadAllowance allowance(1 << 20);
    const auto name = dump_.NameOf(*code, avma, Open(), allowance);
    if (!name) return "?";
    const std::string line =
        name->file.empty() ? "" : ' ' + name->file + ':' + std::to_string(name->line);
    return name->function + '+' + std::to_string(name->offset) + line;
  }

  const std::string path_ =
      std::filesystem::temp_directory_path() / ("sonde-jitdump-" + std::to_string(getpid()));
  Jitdump dump_{1 << 20};
};

TEST_F(JitdumpTest, LoadedFunctionsAreNamed) {
  for (const bool swapped : {false, true}) {
    Write(JitdumpBytes({.pid = 7, .swapped = swapped})
              .Load(1, 0x1000, 0x10, "one")
              .Other(4, 1, 24)
              .Load(2, 0x2000, 0x20, "two")
              .Other(9, 2, 8)
              .Load(3, 0x3000, 0x20, "three")
              .Other(3, 3, 0)
              .bytes());
    EXPECT_TRUE(Update().complete);
    EXPECT_EQ(dump_.pid(), 7u);
    EXPECT_EQ(At(0x100f), "one+15") << swapped;
    EXPECT_EQ(At(0x2000), "two+0") << "with a record of its unwinding before it";
    EXPECT_EQ(At(0x3001), "three+1");
    EXPECT_EQ(At(0x1010), "");
  }
}

TEST_F(JitdumpTest, WhatWasSaidAfterTheTimeAskedForDoesNotCountYet) {
  Write(JitdumpBytes({}).Load(10, 0x1000, 16, "one").Load(20, 0x1000, 16, "two").bytes());
  EXPECT_TRUE(Update(10).complete);
  EXPECT_EQ(At(0x1000), "one+0");
  EXPECT_TRUE(Update(20).complete);
  EXPECT_EQ(At(0x1000), "two+0");
}

TEST_F(JitdumpTest, TimesOfAnotherClockAreOnlyAnOrder) {
  Write(JitdumpBytes({.flags = 1}).Load(1u << 30, 0x1000, 16, "one").bytes());
  EXPECT_TRUE(Update(10).complete);
  EXPECT_EQ(At(0x1000), "one+0");
}

TEST_F(JitdumpTest, AMovedFunctionIsWhereItWentAndNowhereElse) {
  JitdumpBytes bytes({});
  Write(bytes.Load(1, 0x1000, 16, "one").Load(1, 0x2008, 16, "two").TakeBytes());
  Update();
  Append(bytes.Move(2, 0x1000, 0x2000, 16).TakeBytes());
  Update();
  EXPECT_EQ(At(0x1000), "");
  EXPECT_EQ(At(0x2009), "one+9");
  EXPECT_EQ(At(0x2010), "") << "it went over the other";
  Append(bytes.Load(3, 0x3000, 16, "three")
             .Move(4, 0x3000, 0x4000, 16)
             .Move(5, 0x4000, 0x5000, 16)
             .TakeBytes());
  Update();
  EXPECT_EQ(At(0x5000), "three+0");
  EXPECT_EQ(At(0x3000) + At(0x4000), "");
  Append(bytes.Move(6, 0x5004, 0x6000, 4).Move(7, 0x5000, 0x7000, 99).TakeBytes());
  Update();
  EXPECT_EQ(At(0x6000) + At(0x7000), "") << "no function begins or ends there";
}

TEST_F(JitdumpTest, LinesAreThoseOfTheAddress) {
  Write(JitdumpBytes({})
            .Lines(1, 0x1000, {{0x1000, 11, "/a.js"}, {0x1004, 12, "\xff"}, {0x1008, 7, "/b.js"}})
            .Load(1, 0x1000, 16, "one")
            .Load(1, 0x2000, 16, "two")
            .bytes());
  Update();
  EXPECT_EQ(At(0x1003), "one+3 /a.js:11");
  EXPECT_EQ(At(0x1004), "one+4 /a.js:12");
  EXPECT_EQ(At(0x100f), "one+15 /b.js:7");
  EXPECT_EQ(At(0x2000), "two+0");
  Append(JitdumpBytes({}).Move(2, 0x1000, 0x5000, 16).bytes().substr(40));
  Update();
  EXPECT_EQ(At(0x5004), "one+4 /a.js:12");
}

TEST_F(JitdumpTest, LinesThatAreAnotherFunctionsOrOfShiftedAddressesAreNotUsed) {
  Write(JitdumpBytes({})
            .Lines(1, 0x9000, {{0x1000, 11, "/a.js"}})
            .Load(1, 0x1000, 16, "one")
            .Lines(1, 0x2000, {{0x2040, 11, "/a.js"}, {0x2044, 12, "/a.js"}})
            .Load(1, 0x2000, 128, "two")
            .bytes());
  Update();
  EXPECT_EQ(At(0x1000), "one+0");
  EXPECT_EQ(At(0x2046), "two+70");
}

TEST_F(JitdumpTest, WhatIsReadForTheNamesOfARequestIsBoundedAndLinesGoFirst) {
  const std::vector<JitdumpBytes::Line> lines(500, {0x1000, 11, "/a.js"});
  Write(JitdumpBytes({}).Lines(1, 0x1000, lines).Load(1, 0x1000, 16, "one").bytes());
  Update();
  constexpr uint64_t kMost = 100'000;
  ReadAllowance allowance(kMost);
  int with_line = 0;
  int named = 0;
  while (const auto name = dump_.NameOf(*dump_.Find(0x1000), 0x1000, Open(), allowance)) {
    ASSERT_LT(named++, 1000);
    with_line += name->line == 11;
    EXPECT_EQ(allowance.refused(), with_line < named);
  }
  EXPECT_GT(with_line, 1);
  EXPECT_GT(named, 2 * with_line) << "names need little";
  EXPECT_TRUE(allowance.refused());
}

TEST_F(JitdumpTest, ARecordThatIsBeingWrittenWaits) {
  JitdumpBytes bytes({});
  const std::string all = bytes.Load(1, 0x1000, 16, "one").Load(2, 0x2000, 16, "two").bytes();
  for (size_t cut = 1; cut < all.size(); cut++) {
    Write(all.substr(0, cut));
    Jitdump dump(100);
    const auto read = dump.Update(Open(), kEnd, kAll);
    if (cut < 40) {
      EXPECT_EQ(read.error().code, ENODATA) << cut;
    } else {
      ASSERT_TRUE(read) << cut;
      EXPECT_TRUE(read->complete);
      EXPECT_FALSE(read->damaged);
    }
    Write(all);
    ASSERT_TRUE(dump.Update(Open(), kEnd, kAll));
    EXPECT_EQ(dump.functions(), 2u) << cut;
  }
}

TEST_F(JitdumpTest, WhatIsNoJitdumpIsRefused) {
  const auto code = [&](const std::string& bytes) {
    Write(bytes);
    const auto read = Jitdump(100).Update(Open(), kEnd, kAll);
    return read ? 0 : read.error().code;
  };
  EXPECT_EQ(code(std::string(100, 'x')), EINVAL);
  EXPECT_EQ(code(JitdumpBytes({.version = 2}).bytes()), EINVAL);
  EXPECT_EQ(code(""), ENODATA);
  EXPECT_EQ(code(JitdumpBytes({}).bytes()), 0);
}

TEST_F(JitdumpTest, DamageIsRememberedAndNotReadAgain) {
  Write(JitdumpBytes({})
            .Load(1, 0x1000, 16, "one")
            .Raw(std::string(100, '\1').replace(4, 4, 4, '\0'))
            .bytes());
  EXPECT_TRUE(Update().damaged);
  const auto again = Update();
  EXPECT_TRUE(again.damaged);
  EXPECT_EQ(again.bytes, 0u);
}

TEST_F(JitdumpTest, AFileThatIsWrittenAnewIsReadAnew) {
  Write(JitdumpBytes({}).Load(1, 0x1000, 16, "one").bytes());
  Update();
  Write(JitdumpBytes({}).Load(1, 0x2000, 16, "two").Load(2, 0x3000, 16, "three").bytes());
  Update();
  EXPECT_EQ(At(0x1000), "");
  EXPECT_EQ(At(0x2000), "two+0");
}

TEST_F(JitdumpTest, ALargeFileIsReadInPortions) {
  JitdumpBytes bytes({});
  for (uint64_t i = 0; i < 4000; i++) bytes.Load(i, 0x1000 + i * 16, 16, "f" + std::to_string(i));
  Write(bytes.bytes());
  const auto first = Update(kEnd, 100'000);
  EXPECT_FALSE(first.complete);
  EXPECT_LT(first.bytes, 200'000u);
  int portions = 1;
  while (!Update(kEnd, 100'000).complete) ASSERT_LT(portions++, 10);
  EXPECT_EQ(At(0x1000 + 3999 * 16), "f3999+0");
  EXPECT_EQ(dump_.functions(), 4000u);
}

}  // namespace
}  // namespace sonde
