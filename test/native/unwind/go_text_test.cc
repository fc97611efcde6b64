#include "core/unwind/go_text.h"

#include <gtest/gtest.h>

#include "core/unwind/go_table.h"
#include "unwind/go_table_bytes.h"

namespace sonde::test {
namespace {

using elf_builder::BytesOf;

constexpr uint64_t kTable = 0x500000;
constexpr uint64_t kModule = 0x600000;
/// C code before Go's.
constexpr uint64_t kC = 0x200;
constexpr uint64_t kText = kTextSvma + kC;

/// Of Go 1.26: it does not say what its addresses are relative to.
TestGoTable Silent() {
  return {.functions = {{"main.first", 16, {{16, 8}}}, {"main.second", 32, {{32, 24}}}},
          .text = kText,
          .says_text = false};
}

/// A program with C code around Go's.
TestSections Program(const TestGoTable& table) {
  TestSections file;
  file.Add(".text", kTextSvma, std::string(kC + 0x400, '\x90'));
  file.Add(".gopclntab", kTable, table.Bytes());
  return file;
}

/// The start of the runtime's description of the program, as its words.
std::vector<uint64_t> Module(const TestGoTable& table) {
  std::vector<uint64_t> words(40, 0x1111);
  words[0] = kTable;
  words[20] = words[22] = table.text;
  words[21] = table.end();
  return words;
}

std::string BytesOfWords(const std::vector<uint64_t>& words) {
  return {reinterpret_cast<const char*>(words.data()), words.size() * 8};
}

void ExpectText(const TestSections& file, uint64_t text) {
  const auto table = GoTable::Read(FileOf(file.bytes), file.sections);
  ASSERT_TRUE(table) << table.error().what;
  EXPECT_EQ(table->StackBytes(text), 8u);
  EXPECT_EQ(table->StackBytes(text + 16), 24u);
  EXPECT_FALSE(table->Covers(text - 1));
}

int CodeOfError(const TestSections& file) {
  const auto table = GoTable::Read(FileOf(file.bytes), file.sections);
  EXPECT_FALSE(table);
  return table ? 0 : table.error().code;
}

TEST(GoText, TheTablesOfGo118SayIt) {
  TestGoTable table = Silent();
  table.says_text = true;
  ExpectText(Program(table), kText);
}

TEST(GoText, WithoutCCodeItIsWhereTheSectionBegins) { ExpectText(SectionsOf(Silent()), kText); }

TEST(GoText, TheRuntimesDescriptionSaysIt) {
  for (const char* section : {".go.module", ".noptrdata", ".data", ".data.rel.ro"}) {
    TestSections file = Program(Silent());
    // Another reference to the table, and an odd address of the section.
    std::string content = std::string(5, '\0') + BytesOf(kTable) + std::string(32, '\x22');
    file.Add(section, kModule - 5 - 40, content + BytesOfWords(Module(Silent())));
    ExpectText(file, kText);
  }
}

TEST(GoText, ADescriptionThatContradictsTheTableIsNotBelieved) {
  for (const size_t word : {20, 21, 22}) {
    TestSections file = Program(Silent());
    auto words = Module(Silent());
    words[word] += 16;
    file.Add(".go.module", kModule, BytesOfWords(words));
    EXPECT_EQ(CodeOfError(file), ENOEXEC);
  }
}

TEST(GoText, ADescriptionOutsideOfTheCodeIsNotBelieved) {
  TestGoTable elsewhere = Silent();
  elsewhere.text = kTextSvma + kC + 0x400 - 16;
  TestSections file = Program(elsewhere);
  file.Add(".go.module", kModule, BytesOfWords(Module(elsewhere)));
  EXPECT_EQ(CodeOfError(file), ENOEXEC);
}

TEST(GoText, RelocationsSayItWhereTheLinkerLeavesTheBytesZero) {
  for (const char* section : {".rela.dyn", ".rela"}) {
    TestSections file = Program(Silent());
    const auto words = Module(Silent());
    file.Add(".go.module", kModule, std::string(words.size() * 8, '\0'));
    std::string relocations;
    const auto add = [&](uint64_t svma, uint64_t type, uint64_t value) {
      relocations += BytesOf(svma) + BytesOf(type) + BytesOf(value);
    };
    add(kModule + 0x1000, R_X86_64_RELATIVE, kTable);
    // In any order.
    for (size_t i = 23; i-- > 0;) {
      if (words[i] != 0x1111) add(kModule + i * 8, R_X86_64_RELATIVE, words[i]);
      add(kModule + i * 8, R_X86_64_64, 0x3333);
    }
    file.Add(section, 0x700000, relocations);
    ExpectText(file, kText);
  }
}

TEST(GoText, WithoutAWordOfItTheTableIsRefused) {
  EXPECT_EQ(CodeOfError(Program(Silent())), ENOEXEC);
}

TEST(GoHeader, TheTableOfARelocatableProgramLiesAmongOtherData) {
  TestGoTable table = Silent();
  table.says_text = true;
  TestSections file;
  file.Add(".text", kTextSvma, std::string(kC + 0x400, '\x90'));
  file.Add(".go.buildinfo", 0x480000, "x");
  // What looks like a table but is none, first.
  const std::string magic("\xf1\xff\xff\xff\0\0\1\x8", 8);
  file.Add(".data.rel.ro", kTable - 3, std::string(3 + 4096, '\xff') + magic + table.Bytes());
  ExpectText(file, kText);

  file.sections.back().name = ".data.rel.ro.gopclntab";
  file.sections.back().file_offset += 3 + 4096 + 8;
  file.sections.back().size -= 3 + 4096 + 8;
  ExpectText(file, kText);
}

TEST(GoHeader, AFileWithoutATableIsNoGoProgram) {
  TestSections file = Program(Silent());
  file.sections.pop_back();
  EXPECT_EQ(CodeOfError(file), ENOENT);
  file.Add(".go.buildinfo", 0x480000, "x");
  file.Add(".data.rel.ro", kTable, std::string(4096, '\xff'));
  EXPECT_EQ(CodeOfError(file), ENOENT);
}

TEST(GoHeader, ATableOfAnotherMachineIsRefused) {
  TestGoTable table = Silent();
  table.says_text = true;
  // Magic, zeros, quantum, bytes of a pointer.
  for (const auto& [at, value] : {std::pair(0, 0xf2), {3, 0}, {4, 1}, {6, 2}, {7, 4}}) {
    TestSections file = Program(table);
    file.bytes[file.sections[1].file_offset + static_cast<size_t>(at)] = static_cast<char>(value);
    EXPECT_EQ(CodeOfError(file), ENOEXEC);
  }
}

TEST(GoHeader, MoreFunctionsThanAnyProgramHasAreRefused) {
  TestSections file = Program(Silent());
  const uint64_t count = (1 << 20) + 1;
  file.bytes.replace(file.sections[1].file_offset + 8, 8, BytesOf(count));
  EXPECT_EQ(CodeOfError(file), E2BIG);
}

}  // namespace
}  // namespace sonde::test
