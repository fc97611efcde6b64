// Names of kernels that do not run here: whose files count, and where they lay when they were recorded.
#include "core/symbols/recorded_kernel_namer.h"

#include "symbols/recorded_folder.h"

namespace sonde {
namespace {

constexpr uint64_t kText = 0xffffffff81000000;
constexpr uint64_t kModule = 0xffffffffc0000000;
const std::vector<uint8_t> kKernelId = {0xab, 0xcd, 0xef};
const std::vector<uint8_t> kModuleId = {0xab, 0x12, 0x34};

constexpr char kList[] =
    "ffffffff81000000 T _text\n"
    "ffffffff81000100 T first\n"
    "ffffffff81000200 T second\n"
    "ffffffff81008000 T _etext\n"
    "ffffffffc0000010 t in_module\t[mod]\n"
    "ffffffffc0000100 t last_in_module\t[mod]\n";

/// Linked elsewhere than where it lay.
const TestElf kImage = {.symbols = {{"_text", kTextSvma, 0, STT_NOTYPE},
                                    {"first", kTextSvma + 0x100, 0x80},
                                    {"second", kTextSvma + 0x200, 0x80},
                                    {"_etext", kTextSvma + 0x8000, 0, STT_NOTYPE}},
                        .dynamic_symbols = {},
                        .build_id = kKernelId};

RecordedKernel Kernel() {
  return {.build_id = kKernelId,
          .release = "6.1.0-test",
          .text = kText,
          .text_end = kText + 0x8000,
          .modules = {{.name = "mod", .start = kModule, .size = 0x4000}}};
}

class RecordedKernelTest : public RecordedFolder {
 protected:
  /// Of each address; "" where it has none.
  std::vector<std::string> Names(const RecordedKernelNamer::Named& named,
                                 const RecordedKernel& kernel,
                                 const std::vector<uint64_t>& addresses) {
    RecordedKernelNamer namer(named, places_);
    result_ = namer.Name(kernel, addresses);
    std::vector<std::string> names;
    for (size_t i = 0; i < addresses.size(); i++) {
      const uint32_t name = result_.name[i];
      names.push_back(
          name == 0 ? "" : result_.functions[name - 1] + "+" + std::to_string(result_.offset[i]));
    }
    return names;
  }

  RecordedPlaces places_ = {.root = folder_};
  NameResult result_;
};

using Strings = std::vector<std::string>;

TEST_F(RecordedKernelTest, ACopyOfKallsymsNamesTheKernelAndItsModules) {
  const std::string list = Write("kallsyms", kList);
  EXPECT_EQ(Names({.kallsyms = list}, Kernel(), {kText + 0x104, kModule + 0x12, kModule + 0x108}),
            (Strings{"first+4", "in_module+2", "last_in_module+8"}));
  EXPECT_EQ(result_.problem, "");
}

TEST_F(RecordedKernelTest, ACopyOfAnotherBootNamesTheKernelMovedAndNoModule) {
  const std::string list = Write("kallsyms", kList);
  RecordedKernel kernel = Kernel();
  kernel.text += 0x1e000000;
  kernel.text_end += 0x1e000000;
  EXPECT_EQ(Names({.kallsyms = list}, kernel, {kernel.text + 0x204, kText + 0x204, kModule + 0x12}),
            (Strings{"second+4", "", ""}));
}

TEST_F(RecordedKernelTest, AModuleThatLayElsewhereIsNotNamedByTheList) {
  const std::string list = Write("kallsyms", kList);
  RecordedKernel kernel = Kernel();
  kernel.modules[0].start -= 0x1000;
  EXPECT_EQ(Names({.kallsyms = list}, kernel, {kModule + 0x12}), Strings{""});
  kernel = Kernel();
  kernel.modules[0].name = "other";
  EXPECT_EQ(Names({.kallsyms = list}, kernel, {kModule + 0x12}), Strings{""});
}

TEST_F(RecordedKernelTest, AForeignHiddenOrUnreadableListIsRefusedInWords) {
  RecordedKernel longer = Kernel();
  longer.text_end += 16;
  EXPECT_EQ(Names({.kallsyms = Write("kallsyms", kList)}, longer, {kText + 0x104}), Strings{""});
  EXPECT_NE(result_.problem.find("not of the recorded kernel 6.1.0-test (build id abcdef)"),
            std::string::npos)
      << result_.problem;
  const auto problem_of = [&](const std::string& content) {
    EXPECT_EQ(Names({.kallsyms = Write("list", content)}, Kernel(), {kText + 0x104}), Strings{""});
    return result_.problem;
  };
  EXPECT_NE(problem_of("0000000000000000 T _text\n0000000000000000 T first\n").find("address is 0"),
            std::string::npos);
  EXPECT_NE(problem_of("hello\n").find("no copy of /proc/kallsyms"), std::string::npos);
  EXPECT_NE(problem_of("").find("no copy of /proc/kallsyms"), std::string::npos);
  EXPECT_EQ(Names({.kallsyms = At("absent")}, Kernel(), {kText + 0x104}), Strings{""});
  EXPECT_NE(result_.problem.find("No such file"), std::string::npos);
}

TEST_F(RecordedKernelTest, WhereTheRecordingDoesNotSayHowLongTheKernelIsThatIsSaid) {
  RecordedKernel kernel = Kernel();
  kernel.text_end = kModule;  // as perf before Linux 5.1 has it
  EXPECT_EQ(Names({.kallsyms = Write("kallsyms", kList)}, kernel, {kText + 0x104}),
            Strings{"first+4"});
  EXPECT_NE(result_.note.find("could not be checked"), std::string::npos);
}

TEST_F(RecordedKernelTest, AVmlinuxNamesAKernelThatWasMoved) {
  const std::string image = Write("image", kImage);
  EXPECT_EQ(Names({.vmlinux = image}, Kernel(), {kText + 0x104, kText + 0x27f, kText + 0x280}),
            (Strings{"first+4", "second+127", ""}));
  EXPECT_EQ(result_.problem, "");
}

TEST_F(RecordedKernelTest, AVmlinuxOfAnotherBuildIsRefusedWithBothIds) {
  TestElf other = kImage;
  other.build_id = {1, 2, 3};
  EXPECT_EQ(Names({.vmlinux = Write("image", other)}, Kernel(), {kText + 0x104}), Strings{""});
  EXPECT_NE(result_.problem.find("010203"), std::string::npos) << result_.problem;
  EXPECT_NE(result_.problem.find("abcdef"), std::string::npos) << result_.problem;
}

TEST_F(RecordedKernelTest, WithoutARecordedBuildIdTheSizeOfAVmlinuxDecides) {
  RecordedKernel kernel = Kernel();
  kernel.build_id = {};
  const std::string image = Write("image", kImage);
  EXPECT_EQ(Names({.vmlinux = image}, kernel, {kText + 0x104}), Strings{"first+4"});
  EXPECT_NE(result_.note, "");
  kernel.text_end += 16;
  EXPECT_EQ(Names({.vmlinux = image}, kernel, {kText + 0x104}), Strings{""});
}

TEST_F(RecordedKernelTest, AVmlinuxOfTheRecordedBuildIsFoundWhereDistributionsPutIt) {
  for (const std::string place :
       {"boot/vmlinux-6.1.0-test", "usr/lib/debug/boot/vmlinux-6.1.0-test",
        "lib/modules/6.1.0-test/build/vmlinux", "vmlinux"}) {
    const std::string path = Write(place, kImage);
    EXPECT_EQ(Names({}, Kernel(), {kText + 0x104}), Strings{"first+4"}) << place;
    TestElf other = kImage;
    other.build_id = {1, 2, 3};
    Write(place, other);
    EXPECT_EQ(Names({}, Kernel(), {kText + 0x104}), Strings{""}) << place;
    std::filesystem::remove(path);
  }
}

TEST_F(RecordedKernelTest, WhatPerfKeptOfTheKernelIsUsedByBuildId) {
  Write("cache/.build-id/ab/cdef/kallsyms", kList);
  places_.build_id_caches = {At("cache")};
  EXPECT_EQ(Names({}, Kernel(), {kText + 0x104}), Strings{"first+4"});
  RecordedKernel other = Kernel();
  other.build_id = {1, 2, 3};
  EXPECT_EQ(Names({}, other, {kText + 0x104}), Strings{""});
}

/// As a compiler leaves it: nothing is linked.
std::string ModuleBytes(const std::vector<uint8_t>& build_id) {
  std::string bytes = TestElf{.symbols = {{"probe", 0x10, 0x20},
                                          {"elsewhere", 0x10, 0x40, STT_FUNC, STB_GLOBAL, 2}},
                              .dynamic_symbols = {},
                              .build_id = build_id}
                          .Bytes();
  bytes[offsetof(Elf64_Ehdr, e_type)] = ET_REL;
  return bytes;
}

TEST_F(RecordedKernelTest, AModulesOwnFileNamesItInEveryBoot) {
  RecordedKernel kernel = Kernel();
  kernel.modules[0].build_id = kModuleId;
  kernel.modules[0].path = "/lib/modules/6.1.0-test/kernel/mod.ko";
  Write("lib/modules/6.1.0-test/kernel/mod.ko", ModuleBytes(kModuleId));
  EXPECT_EQ(Names({}, kernel, {kModule + 0x14, kModule + 0x30, kModule + 0x4000}),
            (Strings{"probe+4", "", ""}));
  Write("lib/modules/6.1.0-test/kernel/mod.ko", ModuleBytes({1, 2}));
  EXPECT_EQ(Names({}, kernel, {kModule + 0x14}), Strings{""});
  kernel.modules[0].build_id = {};
  EXPECT_EQ(Names({}, kernel, {kModule + 0x14}), Strings{""});
}

TEST_F(RecordedKernelTest, AModulesDebugFileNamesItByBuildId) {
  RecordedKernel kernel = Kernel();
  kernel.modules[0].build_id = kModuleId;
  Write("debug/.build-id/ab/1234.debug", ModuleBytes(kModuleId));
  places_.debug_directories = {At("debug")};
  EXPECT_EQ(Names({}, kernel, {kModule + 0x14}), Strings{"probe+4"});
}

TEST_F(RecordedKernelTest, DamagedFilesNameNothing) {
  const std::string image = kImage.Bytes();
  for (size_t cut = 0; cut < image.size(); cut += 37) {
    const std::string path = Write("image", image.substr(0, cut));
    EXPECT_EQ(Names({.vmlinux = path}, Kernel(), {kText + 0x104}), Strings{""}) << cut;
    EXPECT_NE(result_.problem, "") << cut;
  }
  const std::string module = ModuleBytes(kModuleId);
  RecordedKernel kernel = Kernel();
  kernel.modules[0].build_id = kModuleId;
  kernel.modules[0].path = "/mod.ko";
  for (size_t at = 0; at < module.size(); at += 3) {
    std::string damaged = module;
    damaged[at] = static_cast<char>(damaged[at] ^ 0xff);
    Write("mod.ko", damaged);
    (void)Names({}, kernel, {kModule + 0x14});
  }
}

}  // namespace
}  // namespace sonde
