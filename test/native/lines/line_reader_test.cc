// The real child, and the DWARF of this very program.
#include "core/lines/line_reader.h"

#include <gtest/gtest.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>
#include <fstream>

#include "symbols/dead_file_system.h"

namespace sonde {
namespace {

using namespace std::chrono_literals;

/// Where this program was loaded, minus where its file says.
uint64_t OwnBias() {
  uint64_t bias = 0;
  const auto first = [](dl_phdr_info* info, size_t, void* out) {
    *static_cast<uint64_t*>(out) = info->dlpi_addr;
    return 1;
  };
  dl_iterate_phdr(first, &bias);
  return bias;
}

inline __attribute__((always_inline)) uint64_t WhereInlined() {
  uint64_t here = 0;
#if defined(__x86_64__)
  asm volatile("lea 0(%%rip), %0" : "=r"(here));
#else
  asm volatile("adr %0, ." : "=r"(here));
#endif
  return here;
}
constexpr uint32_t kLineOfAssembly = __LINE__ - 6;

__attribute__((noinline)) uint64_t WhereCalled() { return WhereInlined(); }
constexpr uint32_t kLineOfCall = __LINE__ - 1;

uint64_t SvmaHere() { return WhereCalled() - OwnBias() - 1; }

NameRequest RequestOf(const std::string& path, std::vector<uint64_t> addresses) {
  struct stat status = {};
  stat(path.c_str(), &status);
  NameRequest request;
  request.kind = NameRequest::Kind::kFile;
  request.path = path;
  request.identity.device = uint64_t{major(status.st_dev)} << 32 | uint64_t{minor(status.st_dev)};
  request.identity.inode = status.st_ino;
  request.pids = {getpid()};
  request.addresses = std::move(addresses);
  return request;
}

NameRequest OwnRequest(std::vector<uint64_t> addresses) {
  return RequestOf(std::filesystem::canonical("/proc/self/exe"), std::move(addresses));
}

LineReaderOptions Options(const std::string& program = SONDE_LINES_PROGRAM) {
  LineReaderOptions options;
  options.program = program;
  return options;
}

TEST(LineReader, AnInlinedFunctionAndTheOneThatItIsIn) {
  LineReader reader(Options());
  const auto results = reader.Read({OwnRequest({SvmaHere(), 1})}, 60s);
  ASSERT_EQ(results.size(), 1u);
  const LineResult& result = results[0];
  EXPECT_EQ(result.problem, "");
  ASSERT_EQ(result.offsets, (std::vector<uint32_t>{0, 2, 2}));
  const auto name = [&](size_t place) { return result.functions[result.function[place] - 1]; };
  EXPECT_NE(name(0).find("WhereInlined"), std::string::npos) << name(0);
  EXPECT_NE(name(1).find("WhereCalled"), std::string::npos) << name(1);
  EXPECT_EQ(result.line, (std::vector<uint32_t>{kLineOfAssembly, kLineOfCall}));
  EXPECT_TRUE(result.files[result.file[0] - 1].ends_with("line_reader_test.cc"));
  EXPECT_LT(result.from_start[0], 64u);
  EXPECT_EQ(result.from_start[1], LineResult::kNoOffset);
  EXPECT_EQ(reader.stats().children, 1u);
}

TEST(LineReader, WhatIsKnownIsNotAskedAgain) {
  LineReader reader(Options());
  const uint64_t here = SvmaHere();
  const auto first = reader.Read({OwnRequest({here})}, 60s);
  const auto second = reader.Read({OwnRequest({here, here})}, 60s);
  EXPECT_EQ(reader.stats().children, 1u);
  EXPECT_EQ(second[0].line[1], first[0].line[1]);
  EXPECT_EQ(second[0].offsets, (std::vector<uint32_t>{0, 2, 4}));
  EXPECT_GT(reader.cache_bytes(), 0u);
}

TEST(LineReader, WhatIsKeptIsBounded) {
  auto options = Options();
  options.max_cache_bytes = 100;
  LineReader reader(std::move(options));
  EXPECT_EQ(reader.Read({OwnRequest({SvmaHere()})}, 60s)[0].line.size(), 2u);
  EXPECT_LE(reader.cache_bytes(), 1000u);
}

TEST(LineReader, AFileWithoutDwarfNeedsNoChild) {
  LineReader reader(Options());
  const auto results =
      reader.Read({RequestOf(std::filesystem::canonical("/bin/sh"), {0x5000})}, 60s);
  EXPECT_FALSE(results[0].has_dwarf);
  EXPECT_EQ(results[0].problem, "");
  EXPECT_EQ(results[0].offsets, (std::vector<uint32_t>{0, 0}));
  EXPECT_EQ(reader.stats().children, 0u);
}

TEST(LineReader, AnotherFileUnderThePathLendsNothing) {
  LineReader reader(Options());
  auto request = OwnRequest({SvmaHere()});
  request.identity.inode++;
  request.pids.clear();
  const auto results = reader.Read({request}, 60s);
  EXPECT_EQ(results[0].problem, "");
  EXPECT_TRUE(results[0].line.empty());
}

TEST(LineReader, WithoutTimeThereAreNoLinesAndItIsSaid) {
  LineReader reader(Options());
  const auto results = reader.Read({OwnRequest({SvmaHere()})}, 0ms);
  EXPECT_NE(results[0].problem.find("no time left"), std::string::npos) << results[0].problem;
}

TEST(LineReader, AFileWhoseReaderDiesIsLeftAloneForAWhile) {
  LineReader reader(Options("/bin/false"));
  const auto request = OwnRequest({SvmaHere()});
  const auto first = reader.Read({request}, 60s);
  EXPECT_NE(first[0].problem.find("ended with status 1"), std::string::npos) << first[0].problem;
  const auto second = reader.Read({request}, 60s);
  EXPECT_EQ(second[0].problem, first[0].problem);
  EXPECT_EQ(reader.stats().died, 1u);
  EXPECT_EQ(reader.stats().children, 1u);
  EXPECT_EQ(reader.stats().refused, 1u);
}

TEST(LineReader, AfterTheRefusalItIsTriedAgain) {
  auto options = Options("/bin/false");
  options.refusal = 0s;
  LineReader reader(std::move(options));
  const auto request = OwnRequest({SvmaHere()});
  reader.Read({request}, 60s);
  reader.Read({request}, 60s);
  EXPECT_EQ(reader.stats().children, 2u);
}

#ifndef __SANITIZE_ADDRESS__
TEST(LineReader, AChildThatNeedsMoreMemoryThanItMaySaysSo) {
  auto options = Options();
  options.limits.data_bytes = 3 << 20;
  LineReader reader(std::move(options));
  const auto results = reader.Read({OwnRequest({SvmaHere()})}, 60s);
  EXPECT_NE(results[0].problem.find("memory"), std::string::npos) << results[0].problem;
  EXPECT_TRUE(results[0].line.empty());
}
#endif

TEST(LineReader, AFileThatBlocksInOneMountNamespaceIsReadInAnother) {
  const std::string path = std::filesystem::canonical("/proc/self/exe");
  // The whole directory is on a dead server there.
  const ContainerWithDeadServer container(std::filesystem::path(path).parent_path());
  if (!container.mounted()) GTEST_SKIP() << "FUSE cannot be mounted in a namespace here";
  NameRequest blocking = OwnRequest({SvmaHere()});
  blocking.pids = {container.pid()};
  LineReader reader(Options());
  const auto late = reader.Read({blocking}, 100ms);
  EXPECT_NE(late[0].problem.find("took too long"), std::string::npos) << late[0].problem;
  const auto lines = reader.Read({OwnRequest({SvmaHere()})}, 20s);
  EXPECT_EQ(lines[0].problem, "");
  EXPECT_GT(lines[0].line.size(), 0u);
}

}  // namespace
}  // namespace sonde
