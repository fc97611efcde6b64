// The rows of files that processes have mapped.
#include "core/perf/code_library.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include "core/unwind/dwarf_constants.h"
#include "symbols/elf_builder.h"
#include "unwind/cfi_builder.h"

namespace sonde {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;

/// A file of nothing but .eh_frame, and a segment of code for it.
std::string FileWithRows(const test::TestFrames& frames) {
  using elf_builder::BytesOf;
  const std::string names("\0.eh_frame\0.shstrtab\0", 21);
  const test::ByteString section = frames.EhFrame();
  const std::string rows(section.span().begin(), section.span().end());
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_machine = kThisArchitecture.has_link_register ? EM_AARCH64 : EM_X86_64;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 1;
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = 3;
  header.e_shstrndx = 2;
  Elf64_Phdr load = {};
  load.p_type = PT_LOAD;
  load.p_flags = PF_R | PF_X;
  load.p_filesz = load.p_memsz = 1 << 30;
  Elf64_Shdr eh_frame = {};
  eh_frame.sh_name = 1;
  eh_frame.sh_type = SHT_PROGBITS;
  eh_frame.sh_addr = test::TestFrames::kSvma;
  eh_frame.sh_offset = sizeof(header) + sizeof(load);
  eh_frame.sh_size = rows.size();
  Elf64_Shdr texts = {};
  texts.sh_name = 11;
  texts.sh_type = SHT_STRTAB;
  texts.sh_offset = eh_frame.sh_offset + rows.size();
  texts.sh_size = names.size();
  header.e_shoff = texts.sh_offset + names.size();
  return BytesOf(header) + BytesOf(load) + rows + names + BytesOf(Elf64_Shdr{}) +
         BytesOf(eh_frame) + BytesOf(texts);
}

TEST(CodeLibrary, AProcessWhoseRowsTakeLongHasSoMuchTimeForThemAndNoMore) {
  // 24,000 instructions before the first row.
  test::TestFrames frames{.functions = {{.svma = 0x1000, .size = 1 << 29}}};
  for (int i = 0; i < 12'000; i++) {
    frames.functions[0].instructions.U8(DW_CFA_remember_state).U8(DW_CFA_restore_state);
  }
  auto tables = UnwindTables::Read(FileOf(FileWithRows(frames)), kThisArchitecture);
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
