// What a hostile file could hold: nothing may be read out of bounds, run forever or cost memory that it only claims. The
// sanitizers see the first; the rest would be seen as a test that does not end.
#include <gtest/gtest.h>

#include <random>

#include "core/unwind/cfi.h"
#include "core/unwind/dwarf_constants.h"
#include "core/unwind/expression.h"
#include "unwind/cfi_builder.h"
#include "unwind/libdw_file.h"

namespace sonde {
namespace {

using test::ByteString;
using test::TestFrames;

/// Memory of which every word is known.
class AnyMemory : public StackMemory {
 public:
  std::optional<uint64_t> Word(uint64_t address) const override { return address * 0x9e3779b9; }
};

void EvaluateAll(const CfiRow& row) {
  RegisterSet registers;
  for (unsigned number = 0; number < kMaxRegisters; number++) registers.Set(number, number);
  for (const auto& expression : row.expressions) {
    (void)Evaluate(expression, registers, AnyMemory{}, 0x7000);
  }
}

/// Asks for the rows of these addresses, with the header and without.
void AskEverything(const EhFrameSections& sections, const std::vector<uint64_t>& addresses) {
  for (const bool with_header : {true, false}) {
    const auto source = MakeEhFrame(
        {with_header ? sections.header : SectionBytes{}, sections.frames}, kThisArchitecture);
    if (!source) continue;
    EXPECT_LE((*source)->functions(), sections.frames.bytes.size());
    for (const uint64_t address : addresses) {
      auto row = (*source)->Find(address);
      if (!row) continue;
      EvaluateAll(*row);
      Compact(std::move(*row), address, kThisArchitecture);
    }
  }
}

/// Sections of every kind of entry that there is, with the addresses of their functions.
struct Victim {
  EhFrameSections sections;
  std::vector<uint64_t> addresses;
};

Victim HandMade() {
  ByteString program = {DW_CFA_advance_loc | 1, DW_CFA_remember_state};
  program.Add({DW_CFA_def_cfa_expression, 3, DW_OP_breg0 + 7, 8, DW_OP_deref});
  program.Add({DW_CFA_val_expression, 6, 4, DW_OP_lit0, DW_OP_plus, DW_OP_dup, DW_OP_bra});
  program.U8(DW_CFA_advance_loc2).U16(3).Add({DW_CFA_restore_state, DW_CFA_offset | 3, 0x80, 1});
  TestFrames frames{.cie = {.augmentation = "zPLRS",
                            .augmentation_data = {DW_EH_PE_udata2, 1, 2, DW_EH_PE_omit,
                                                  DW_EH_PE_pcrel | DW_EH_PE_sdata4}}};
  for (uint64_t number = 0; number < 5; number++) {
    frames.functions.push_back({0x1000 + number * 64, 48, program});
  }
  Victim victim{{frames.Header().Section(TestFrames::kHeaderSvma),
                 frames.EhFrame().Section(TestFrames::kSvma)},
                {}};
  for (uint64_t address = 0x1000; address < 0x1140; address += 3) {
    victim.addresses.push_back(address);
  }
  return victim;
}

/// The smallest real one.
Victim DynamicLinker() {
  const auto file = test::LibdwFile::Open(test::LoadedLibrary("ld-linux"));
  if (file == nullptr) return HandMade();
  Victim victim{file->EhFrame(), {}};
  const auto functions = file->Functions();
  for (size_t index = 0; index < functions.size(); index += 7) {
    victim.addresses.push_back(functions[index]);
    victim.addresses.push_back(functions[index] + 40);
  }
  return victim;
}

TEST(ForgedCfi, SectionsAreCutAtEveryByte) {
  const Victim victim = HandMade();
  for (size_t size = 0; size < victim.sections.frames.bytes.size(); size++) {
    EhFrameSections cut = victim.sections;
    cut.frames.bytes.resize(size);
    cut.frames.bytes.shrink_to_fit();
    AskEverything(cut, victim.addresses);
  }
  for (size_t size = 0; size < victim.sections.header.bytes.size(); size++) {
    EhFrameSections cut = victim.sections;
    cut.header.bytes.resize(size);
    cut.header.bytes.shrink_to_fit();
    AskEverything(cut, victim.addresses);
  }
}

TEST(ForgedCfi, ARealSectionIsCutAtManyBytes) {
  const Victim victim = DynamicLinker();
  for (size_t size = 1; size < victim.sections.frames.bytes.size(); size += 61) {
    EhFrameSections cut = victim.sections;
    cut.frames.bytes.resize(size);
    cut.frames.bytes.shrink_to_fit();
    AskEverything(cut, victim.addresses);
  }
}

/// Bytes changed at random, and now and then a number that is apt to overflow.
void Damage(SectionBytes& section, std::mt19937_64& random) {
  constexpr uint64_t kNumbers[] = {0, 0x7f, 0x80, 0xff, 0x7fffffff, 0x80000000, 0xffffffff};
  const uint64_t changes = 1 + random() % 8;
  for (uint64_t change = 0; change < changes; change++) {
    auto* place = section.bytes.data() + random() % section.bytes.size();
    if (random() % 2 == 0) {
      *place = static_cast<std::byte>(random());
    } else if (place + 4 <= section.bytes.data() + section.bytes.size()) {
      std::memcpy(place, &kNumbers[random() % std::size(kNumbers)], 4);
    }
  }
}

void AskDamaged(const Victim& victim, int rounds) {
  std::mt19937_64 random(1);
  for (int round = 0; round < rounds; round++) {
    EhFrameSections damaged = victim.sections;
    if (round % 4 == 0) Damage(damaged.header, random);
    if (round % 4 != 1) Damage(damaged.frames, random);
    AskEverything(damaged, victim.addresses);
    (void)MakeDebugFrame(damaged.frames, kAarch64);
  }
}

TEST(ForgedCfi, BytesAreChangedAtRandom) { AskDamaged(HandMade(), 3'000); }
TEST(ForgedCfi, BytesOfARealFileAreChangedAtRandom) { AskDamaged(DynamicLinker(), 1'000); }

TEST(ForgedCfi, NoiseIsNoCfi) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 2'000; round++) {
    ByteString noise;
    for (int count = 0; count < 300; count++) noise.U8(static_cast<int>(random() % 256));
    AskEverything({noise.Section(0x2000), noise.Section(0x1000)}, {0x1000, 0x2000, random()});
  }
}

TEST(ForgedCfi, InstructionsAreNoise) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20'000; round++) {
    ByteString program;
    for (int count = 0; count < 40; count++) program.U8(static_cast<int>(random() % 256));
    const TestFrames frames{.functions = {{0x1000, 0x1000, program}}};
    for (const Architecture* architecture : {&kX86_64, &kAarch64}) {
      const auto source =
          MakeEhFrame({{}, frames.EhFrame().Section(TestFrames::kSvma)}, *architecture);
      ASSERT_TRUE(source);
      auto row = (*source)->Find(0x1800);
      if (!row) continue;
      EvaluateAll(*row);
      Compact(std::move(*row), 0x1800, *architecture);
    }
  }
}

TEST(ForgedCfi, ExpressionsAreNoise) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 50'000; round++) {
    CfiRow row;
    row.expressions.emplace_back();
    for (int count = 0; count < 30; count++) {
      row.expressions[0].push_back(static_cast<uint8_t>(random()));
    }
    EvaluateAll(row);
  }
}

TEST(ForgedCfi, ACieThatIsItsOwnFunctionIsNone) {
  // An entry whose CIE is itself, and one whose CIE is another FDE.
  ByteString section;
  section.U32(20).U32(4).U32(1).U32(2).U64(0);
  section.U32(20).U32(28).U32(1).U32(2).U64(0);
  const auto source = MakeEhFrame({{}, section.Section(0x1000)}, kX86_64);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, ENOEXEC);
}

}  // namespace
}  // namespace sonde
