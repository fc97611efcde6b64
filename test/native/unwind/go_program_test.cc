// Programs of the go command at hand, against what their debug information says.
#include "unwind/go_program.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <set>

#include "symbols/elf_builder.h"
#include "unwind/libdw_file.h"

namespace sonde::test {
namespace {

class GoPrograms : public testing::TestWithParam<GoBuild> {
 protected:
  void SetUp() override {
    if (!GoProgram::HasGo()) GTEST_SKIP() << "there is no go command";
    if (GetParam().needs_c && !GoProgram::HasC()) GTEST_SKIP() << "there is no C compiler";
  }
};

/// A stretch of code with the distance between the stack pointer and the canonical frame address.
struct FrameRow {
  uint64_t end = 0;
  int64_t distance = 0;
};

std::optional<FrameRow> RowOf(Dwarf_CFI* cfi, uint64_t svma) {
  Dwarf_Frame* frame = nullptr;
  if (dwarf_cfi_addrframe(cfi, svma, &frame) != 0) return std::nullopt;
  const std::unique_ptr<Dwarf_Frame, decltype(&free)> owner(frame, free);
  Dwarf_Addr begin = 0;
  Dwarf_Addr end = 0;
  bool signal = false;
  Dwarf_Op* operations = nullptr;
  size_t count = 0;
  dwarf_frame_info(frame, &begin, &end, &signal);
  if (dwarf_frame_cfa(frame, &operations, &count) != 0 || count != 1) return std::nullopt;
  const bool wide = operations[0].atom == DW_OP_bregx;
  return FrameRow{end, static_cast<int64_t>(wide ? operations[0].number2 : operations[0].number)};
}

struct Agreement {
  size_t same = 0;
  size_t unsaid = 0;
  size_t uncovered = 0;
  std::string different = {};
};

/// `below`: bytes of the return address between what the table counts and the canonical frame address.
Agreement Compare(const GoTable& table, Dwarf_CFI* cfi, SvmaRange code, int64_t below) {
  Agreement agreement;
  for (uint64_t svma = code.start; svma < code.end;) {
    const auto row = RowOf(cfi, svma);
    for (const uint64_t end = row ? row->end : svma + 1; svma < end; svma++) {
      if (!row) continue;
      const auto bytes = table.StackBytes(svma);
      if (!table.Covers(svma)) agreement.uncovered++;
      if (!bytes) {
        agreement.unsaid++;
      } else if (int64_t{*bytes} + below == row->distance) {
        agreement.same++;
      } else {
        agreement.different += " " + std::to_string(svma);
      }
    }
  }
  return agreement;
}

TEST_P(GoPrograms, TheTableAgreesWithDebugFrameAtEveryInstruction) {
  GoProgram program(GetParam());
  const std::string path = program.Make("-compressdwarf=false");
  const auto libdw = LibdwFile::Open(path);
  ASSERT_NE(libdw, nullptr);
  Dwarf_CFI* const cfi = libdw->debug_frame();
  ASSERT_NE(cfi, nullptr);
  const SectionBytes text = libdw->Section(".text");
  const SvmaRange code{text.svma, text.svma + text.bytes.size()};
  // Reads what it needs before the file is changed.
  (void)RowOf(cfi, code.start);
  const std::string copy = path + "-copy";
  std::filesystem::copy_file(path, copy);
  const auto table = TableOfProgram(copy, GetParam().arm);
  ASSERT_TRUE(table) << table.error().what;
  const Agreement agreement = Compare(*table, cfi, code, GetParam().arm ? 0 : 8);
  EXPECT_EQ(agreement.different, "");
  EXPECT_EQ(agreement.uncovered, 0u);
  EXPECT_GT(agreement.same, 500'000u);
  EXPECT_LT(agreement.unsaid, agreement.same / 100);
}

TEST_P(GoPrograms, StacksBeginInTheFunctionsOfTheRuntimeThatSymbolsName) {
  GoProgram program(GetParam());
  const std::string path = program.Make();
  const auto functions = program.Functions(path);
  const auto table = TableOfProgram(path, GetParam().arm);
  ASSERT_TRUE(table) << table.error().what;
  std::set<std::string> names;
  for (const SvmaRange& range : table->entries()) {
    const auto after = functions.upper_bound(range.start);
    ASSERT_NE(after, functions.begin());
    const auto& [start, name] = *std::prev(after);
    names.insert(name);
    const bool leaves = name == "runtime.mcall" || name == "runtime.morestack";
    EXPECT_EQ(range.start > start, leaves) << name << ": only from where it has changed stacks";
    EXPECT_LE(range.end, after->first) << name;
  }
  EXPECT_EQ(names, (std::set<std::string>{"runtime.goexit", "runtime.mcall", "runtime.morestack",
                                          "runtime.mstart", "runtime.rt0_go"}));
  if (table->signal_return()) {
    EXPECT_TRUE(functions.at(*table->signal_return()).starts_with("runtime.sigreturn"));
  } else {
    EXPECT_TRUE(GetParam().arm) << "its handlers return to the vDSO";
  }
}

TEST_P(GoPrograms, WithoutSymbolsTheSameIsSaid) {
  GoProgram program(GetParam());
  const auto whole = TableOfProgram(program.Make(), GetParam().arm);
  const auto stripped = TableOfProgram(program.Make("-s -w"), GetParam().arm);
  ASSERT_TRUE(whole) << whole.error().what;
  ASSERT_TRUE(stripped) << stripped.error().what;
  ASSERT_EQ(stripped->entries().size(), whole->entries().size());
  EXPECT_EQ(stripped->functions(), whole->functions());
  const uint64_t first = whole->entries()[0].start;
  const uint64_t moved = stripped->entries()[0].start - first;
  for (uint64_t svma = first; svma < first + 300'000; svma++) {
    ASSERT_EQ(stripped->StackBytes(svma + moved), whole->StackBytes(svma)) << svma;
  }
}

TEST_P(GoPrograms, WhatStripLeavesIsEnough) {
  if (GetParam().arm) GTEST_SKIP() << "strip is of this machine";
  GoProgram program(GetParam());
  const std::string path = program.Make();
  const auto whole = TableOfProgram(path, false);
  const auto [output, done] = RunShell("strip " + path);
  if (!done) GTEST_SKIP() << output;
  const auto stripped = TableOfProgram(path, false);
  ASSERT_TRUE(whole) << whole.error().what;
  ASSERT_TRUE(stripped) << stripped.error().what;
  EXPECT_EQ(stripped->functions(), whole->functions());
  const uint64_t first = whole->entries()[0].start;
  EXPECT_EQ(stripped->entries()[0].start, first);
  EXPECT_EQ(stripped->StackBytes(first - 100), whole->StackBytes(first - 100));
}

TEST_P(GoPrograms, DamageInARealTableIsSurvived) {
  GoProgram program(GetParam());
  const std::string path = program.Make("-s -w");
  ASSERT_TRUE(TableOfProgram(path, GetParam().arm));
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  const std::string whole = content.str();
  std::mt19937 random(1);
  // Behind the first byte of the magic, which tells versions apart.
  const std::string quantum(1, GetParam().arm ? '\4' : '\1');
  const size_t table = whole.find(std::string("\xff\xff\xff\0\0", 5) + quantum + '\x8');
  ASSERT_NE(table, std::string::npos);
  for (int round = 0; round < 100; round++) {
    std::string damaged = whole;
    // The head in half of the rounds.
    const size_t range = round % 2 == 0 ? 256 : whole.size() - table;
    damaged[table + random() % range] ^= static_cast<char>(1 << random() % 8);
    if (round % 4 == 3) damaged.resize(table + random() % range);
    const auto read = TableOfFile(FileOf(damaged));
    if (!read) continue;
    for (uint64_t svma = 0x1000; svma < 0x500000; svma += 997) (void)read->StackBytes(svma);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Built, GoPrograms,
    testing::Values(
        GoBuild{.name = "plain"}, GoBuild{.name = "pie", .arguments = "-buildmode=pie"},
        GoBuild{.name = "cgo", .environment = "CGO_ENABLED=1", .needs_c = true},
        GoBuild{.name = "cgo_pie",
                .environment = "CGO_ENABLED=1",
                .arguments = "-buildmode=pie",
                .needs_c = true},
        GoBuild{.name = "aarch64", .environment = "CGO_ENABLED=0 GOARCH=arm64", .arm = true}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace sonde::test
