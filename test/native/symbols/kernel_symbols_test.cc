#include "core/symbols/kernel_symbols.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/symbols/kernel_namer.h"
#include "core/symbols/running_kernel.h"

namespace sonde {
namespace {

/// A file that goes with the test.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("sonde-test-" + std::to_string(getpid()) + "-" + std::to_string(count++));
    Write(text);
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  void Write(const std::string& text) const { std::ofstream(path_) << text; }
  std::string path() const { return path_; }

 private:
  std::filesystem::path path_;
};

constexpr char kKallsyms[] =
    "0000000000000000 A fixed_percpu_data\n"
    "ffffffff81000000 T _stext\n"
    "ffffffff81000000 T _text\n"
    "ffffffff81000000 T startup_64\n"
    "ffffffff81000100 t helper\n"
    "ffffffff81000200 d table_in_text\n"
    "ffffffff81000300 T __do_work\n"
    "ffffffff81000300 T do_work\n"
    "ffffffff81000300 W weak_work\n"
    "ffffffff81000400 T __sched_text_end\n"
    "ffffffff81000500 T last\n"
    "ffffffff81001000 T _etext\n"
    "ffffffff81800000 D some_data\n"
    "ffffffffc0000000 t first_in_module\t[nf_tables]\n"
    "ffffffffc0000100 t last_in_module\t[nf_tables]\n"
    "ffffffffc0201000 t bpf_prog_6deef7357e7b4530_probe\t[bpf]\n";

std::string Lookup(uint64_t avma) {
  const TemporaryFile file(kKallsyms);
  const auto symbols = KernelSymbols::Read(file.path());
  EXPECT_TRUE(symbols);
  const auto match = symbols->Find(avma);
  return match ? std::string(match->name) + "+" + std::to_string(avma - match->start) : "";
}

TEST(KernelSymbols, AFunctionEndsAtTheNextSymbolOfAnyKind) {
  EXPECT_EQ(Lookup(0xffffffff81000101), "helper+1");
  EXPECT_EQ(Lookup(0xffffffff810001ff), "helper+255");
  EXPECT_EQ(Lookup(0xffffffff81000200), "");
  EXPECT_EQ(Lookup(0xffffffff81000fff), "last+2815");
}

TEST(KernelSymbols, OutsideAllFunctionsThereIsNoName) {
  EXPECT_EQ(Lookup(0), "");
  EXPECT_EQ(Lookup(0xffffffff80ffffff), "");
  EXPECT_EQ(Lookup(0xffffffff81000400), "");
  EXPECT_EQ(Lookup(0xffffffff81001000), "");
  EXPECT_EQ(Lookup(0xffffffff81800000), "");
  EXPECT_EQ(Lookup(0xffffffffffffffff), "");
}

TEST(KernelSymbols, OfSeveralNamesTheOrdinaryOneIsTaken) {
  EXPECT_EQ(Lookup(0xffffffff81000300), "do_work+0");
  EXPECT_EQ(Lookup(0xffffffff81000000), "startup_64+0");
}

TEST(KernelSymbols, ModulesAndBpfProgramsAreNamedAndEndSoon) {
  EXPECT_EQ(Lookup(0xffffffffc0000050), "first_in_module+80");
  EXPECT_EQ(Lookup(0xffffffffc0000100), "last_in_module+0");
  EXPECT_EQ(Lookup(0xffffffffc0002000), "");
  EXPECT_EQ(Lookup(0xffffffffc0201010), "bpf_prog_6deef7357e7b4530_probe+16");
}

TEST(KernelSymbols, HiddenAddressesAreAProblemThatSaysWhatToDo) {
  std::string hidden;
  for (int i = 0; i < 2000; i++) hidden += "0000000000000000 T function" + std::to_string(i) + "\n";
  const TemporaryFile file(hidden);
  KernelNamer namer({file.path(), "/nonexistent"});
  const std::vector<uint64_t> addresses = {0xffffffff81000000};
  const auto result = namer.Name(addresses, 0, false);
  EXPECT_NE(result.problem.find("CAP_SYSLOG"), std::string::npos);
  EXPECT_NE(result.problem.find("kptr_restrict"), std::string::npos);
  EXPECT_EQ(result.name, std::vector<uint32_t>{0});
}

TEST(KernelSymbols, LinesThatAreNoneAreSkipped) {
  const TemporaryFile file("\nnonsense\nffffffff81000000\nffffffff81000000 T\n" +
                           std::string(200000, 'x') +
                           "\nffffffff81000010 T good\nffffffff81000020 T next\nffffffff8100");
  const auto symbols = KernelSymbols::Read(file.path());
  ASSERT_TRUE(symbols);
  EXPECT_EQ(symbols->Find(0xffffffff81000011)->name, "good");
}

TEST(KernelNamer, AddressesOfAnotherBootMoveWithTheKernel) {
  const TemporaryFile kallsyms(kKallsyms);
  KernelNamer namer({kallsyms.path(), "/nonexistent"});
  // Recorded with _text at ffffffff9a000000; a module's address says nothing then.
  const std::vector<uint64_t> addresses = {0xffffffff9a000300, 0xffffffffc0000050,
                                           0xffffffff81000300};
  const auto result = namer.Name(addresses, 0xffffffff9a000000, false);
  EXPECT_EQ(result.functions, std::vector<std::string>{"do_work"});
  EXPECT_EQ(result.name, (std::vector<uint32_t>{1, 0, 0}));
}

TEST(KernelNamer, ModulesThatComeAreSeenByTheNextCall) {
  const TemporaryFile kallsyms(kKallsyms);
  const TemporaryFile modules("nf_tables 4096 0 - Live 0xffffffffc0000000\n");
  KernelNamer namer({kallsyms.path(), modules.path()});
  const std::vector<uint64_t> addresses = {0xffffffffc0400000};
  EXPECT_EQ(namer.Name(addresses, 0, false).name[0], 0u);
  kallsyms.Write(std::string(kKallsyms) + "ffffffffc0400000 t new_function\t[veth]\n");
  EXPECT_EQ(namer.Name(addresses, 0, false).name[0], 0u) << "read again although no module came";
  modules.Write("nf_tables 4096 3 veth, Live 0xffffffffc0000000\n");
  EXPECT_EQ(namer.Name(addresses, 0, false).name[0], 0u) << "a count of users is no new module";
  modules.Write(
      "nf_tables 4096 0 - Live 0xffffffffc0000000\nveth 4096 0 - Live 0xffffffffc0400000\n");
  EXPECT_EQ(namer.Name(addresses, 0, false).functions[0], "new_function");
}

TEST(KernelNamer, CodeMadeAtRunTimeIsReadAgainWhereItIsAskedFor) {
  const TemporaryFile kallsyms(kKallsyms);
  KernelNamer namer({kallsyms.path(), "/nonexistent"});
  const std::vector<uint64_t> made = {0xffffffffc0201010};
  const std::vector<uint64_t> linked = {0xffffffff81000300};
  EXPECT_EQ(namer.Name(made, 0, false).functions[0], "bpf_prog_6deef7357e7b4530_probe");
  std::string changed(kKallsyms);
  const size_t at = changed.find("bpf_prog_6deef7357e7b4530_probe");
  changed.replace(at, 31, "bpf_prog_0123456789abcdef_other");
  kallsyms.Write(changed);
  EXPECT_EQ(namer.Name(linked, 0, true).functions[0], "do_work");
  EXPECT_EQ(namer.Name(made, 0, false).functions[0], "bpf_prog_0123456789abcdef_other")
      << "that the code changed was told when only the kernel itself was asked for";
}

TEST(KernelNamer, AModuleThatIsLoadedAgainIsReadAgain) {
  const std::filesystem::path modules_seen =
      std::filesystem::temp_directory_path() / ("sonde-modules-" + std::to_string(getpid()));
  std::filesystem::create_directories(modules_seen / "nf_tables");
  std::filesystem::create_directories(modules_seen / "later");
  const TemporaryFile kallsyms(kKallsyms);
  // Hidden addresses, as without CAP_SYSLOG.
  const TemporaryFile modules("nf_tables 4096 0 - Live 0x0000000000000000\n");
  KernelNamer namer({kallsyms.path(), modules.path(), modules_seen});
  const std::vector<uint64_t> addresses = {0xffffffffc0000000};
  EXPECT_EQ(namer.Name(addresses, 0, false).functions[0], "first_in_module");
  kallsyms.Write(std::string(kKallsyms) + "ffffffffc0000000 T again_in_module\t[nf_tables]\n");
  EXPECT_EQ(namer.Name(addresses, 0, false).functions[0], "first_in_module");
  std::filesystem::rename(modules_seen / "later", modules_seen / "nf_tables");
  EXPECT_EQ(namer.Name(addresses, 0, false).functions[0], "again_in_module");
  std::filesystem::remove_all(modules_seen);
}

TEST(KernelNamer, WhereKallsymsIsHiddenLaterTheKernelKeepsItsNamesAndModulesDoNot) {
  const TemporaryFile kallsyms(kKallsyms);
  const TemporaryFile modules("nf_tables 4096 0 - Live 0x0000000000000000\n");
  KernelNamer namer({kallsyms.path(), modules.path(), "/nonexistent"});
  const std::vector<uint64_t> addresses = {0xffffffff81000300, 0xffffffffc0000050};
  EXPECT_EQ(namer.Name(addresses, 0, false).name, (std::vector<uint32_t>{1, 2}));
  kallsyms.Write("0000000000000000 T hidden\n");
  EXPECT_EQ(namer.Name(addresses, 0, false).name, (std::vector<uint32_t>{1, 2}))
      << "nothing was loaded, nothing is read";
  modules.Write("another 4096 0 - Live 0x0000000000000000\n");
  const auto later = namer.Name(addresses, 0, false);
  EXPECT_EQ(later.name, (std::vector<uint32_t>{1, 0}));
  EXPECT_EQ(later.functions, std::vector<std::string>{"do_work"});
  EXPECT_EQ(later.problem, "");
  EXPECT_NE(later.note.find("CAP_SYSLOG"), std::string::npos) << later.note;
}

TEST(RunningKernel, ItAgreesWithKallsyms) {
  const auto symbols = KernelSymbols::Read();
  if (!symbols) GTEST_SKIP() << symbols.error().what;
  const auto kernel = RunningKernel::Read();
  EXPECT_EQ(kernel.text, symbols->text());
  EXPECT_EQ(kernel.text_end, symbols->text_end());
  EXPECT_EQ(kernel.build_id.size(), 20u);
}

}  // namespace
}  // namespace sonde
