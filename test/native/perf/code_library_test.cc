// The rows of files that processes have mapped.
#include "core/perf/code_library.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include "core/unwind/dwarf_constants.h"
#include "symbols/elf_builder.h"
#include "unwind/file_with_rows.h"

namespace sonde {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

TEST(CodeLibrary, AProcessWhoseRowsTakeLongHasSoMuchTimeForThemAndNoMore) {
  // 24,000 instructions before the first row.
  test::TestFrames frames{.functions = {{.svma = 0x1000, .size = 1 << 29}}};
  for (int i = 0; i < 12'000; i++) {
    frames.functions[0].instructions.U8(DW_CFA_remember_state).U8(DW_CFA_restore_state);
  }
  auto tables = UnwindTables::Read(FileOf(test::FileWithRows(frames)), kThisArchitecture);
  ASSERT_TRUE(tables);
  UnwindLoader loader{UniqueFd(eventfd(0, EFD_CLOEXEC))};
  CodeLibrary library(loader, 1 << 20);
  const auto image = std::make_shared<Image>();
  image->kind = ImageKind::kFile;
  const MappedRange range{.start = 0, .end = 1 << 30, .image = image};
  RowAllowance allowance{.at_once = 50'000'000, .share = 50, .since = kSecond};
  RowAllowance of_another = allowance;
  const auto at = [&](uint64_t address, uint64_t now) {
    return library.At(range, address, {.pid = 1, .allowance = allowance, .now = now}).state;
  };
  ASSERT_EQ(at(0x1000, kSecond), Code::State::kPending);
  library.Add({image, std::make_shared<const UnwindTables>(std::move(*tables))}, kSecond);

  uint64_t address = 0x1000;
  while (address < 1 << 20 && at(address, kSecond) == Code::State::kKnown) address++;
  EXPECT_EQ(at(address, kSecond), Code::State::kCostly);
  // What is known stays known, with time there is more, and who has not used his own up is served.
  EXPECT_EQ(at(0x1000, kSecond), Code::State::kKnown);
  EXPECT_EQ(at(address + 1, 60 * kSecond), Code::State::kKnown);
  const CodeLibrary::Asker other{.pid = 2, .allowance = of_another, .now = kSecond};
  EXPECT_EQ(library.At(range, address + 2, other).state, Code::State::kKnown);
}

}  // namespace
}  // namespace sonde
