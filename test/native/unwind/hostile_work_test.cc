// What forged files may cost: names, expressions, rows.
#include <gtest/gtest.h>

#include "core/symbols/elf_sections.h"
#include "core/unwind/dwarf_constants.h"
#include "core/unwind/row_cache.h"
#include "core/unwind/unwinder.h"
#include "symbols/elf_builder.h"
#include "unwind/cfi_builder.h"

namespace sonde {
namespace {

TEST(HostileWork, SectionNamesWithoutEndAreCut) {
  std::string bytes(1 << 20, 'x');
  constexpr uint32_t kCount = 1000;
  ElfHeaders headers;
  headers.sections = {.file_offset = bytes.size(), .count = kCount, .names = 0};
  for (uint32_t i = 0; i < kCount; i++) {
    Elf64_Shdr section = {};
    section.sh_size = 1 << 20;
    bytes += elf_builder::BytesOf(section);
  }
  const auto sections = ReadElfSections(FileOf(bytes), headers);
  ASSERT_TRUE(sections);
  ASSERT_EQ(sections->size(), kCount);
  for (const ElfSection& section : *sections) ASSERT_LE(section.name.size(), 255U);
}

TEST(HostileWork, ExpressionsOfARowAreBoundedTogether) {
  using test::ByteString;
  const ByteString expression = [] {
    ByteString bytes;
    for (int i = 0; i < 500; i++) bytes.U8(DW_OP_nop);
    return bytes;
  }();
  test::TestFrames frames{.functions = {{}}};
  for (int number = 0; number < 6; number++) {
    frames.functions[0].instructions.U8(DW_CFA_expression).Uleb(number).Block(expression);
  }
  const auto source = MakeEhFrame({.frames = frames.EhFrame().Section(frames.kSvma)}, kX86_64);
  ASSERT_TRUE(source);
  const auto row = (*source)->Find(0x1000);
  ASSERT_FALSE(row);
  EXPECT_EQ(row.error().code, E2BIG);
}

TEST(HostileWork, RulesInACacheAreBounded) {
  RowCache cache;
  uint64_t svma = 0;
  for (; !cache.full() && svma < 100'000; svma++) {
    cache.Keep(svma, {.row = {.kind = UnwindRow::Kind::kRules},
                      .rules = std::make_shared<const CfiRow>()});
  }
  EXPECT_LE(cache.bytes(), 8U << 20);
}

TEST(HostileWork, TheLastAddressTakesNoPlaceInACache) {
  RowCache cache;
  const size_t bytes = cache.bytes();
  for (int i = 0; i < 1000; i++) cache.KeepDamaged(UINT64_MAX);
  EXPECT_EQ(cache.bytes(), bytes);
  EXPECT_EQ(cache.Find(UINT64_MAX), nullptr);
}

/// The same rules everywhere.
class OneCode : public CodeMap {
 public:
  explicit OneCode(const CfiRow& rules) : rules_(rules) {}
  Code At(uint64_t) override {
    return {
        .state = Code::State::kKnown, .row = {.kind = UnwindRow::Kind::kRules}, .rules = &rules_};
  }

 private:
  const CfiRow& rules_;
};

TEST(HostileWork, ExpressionsThatLoopInEveryFrameEndTheStack) {
  // CFA = rsp + 16, after 900 operations.
  CfiRow rules{.cfa_is_expression = true, .return_address = 16};
  std::vector<uint8_t>& expression = rules.expressions.emplace_back(900, DW_OP_nop);
  expression.insert(expression.end(), {DW_OP_breg0 + 7, 16});
  rules.rules[16] = {RegisterRule::Kind::kOffset, -8};
  const std::vector<uint64_t> stack(4096, 0x10000);
  StackSnapshot snapshot{.instruction = 0x10000, .bytes = std::as_bytes(std::span(stack))};
  snapshot.registers.Set(kX86_64.stack_pointer, 0x7fff0000);
  OneCode code(rules);
  std::vector<uint64_t> frames;
  EXPECT_EQ(Unwinder(kX86_64).Unwind(snapshot, code, frames).end, UnwindEnd::kRegisters);
  EXPECT_EQ(frames.size(), (1 << 15) / 901 + 1U);
}

}  // namespace
}  // namespace sonde
