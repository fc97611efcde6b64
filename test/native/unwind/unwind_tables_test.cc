// What this process's own C library says of its code, and of the code that it has no rows for.
#include "core/unwind/unwind_tables.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>

#include "core/unwind/signal_frame.h"

namespace sonde {
namespace {

TEST(SignalFrame, TheVdsoOfAarch64IsSearchedForWhatHandlersReturnTo) {
  constexpr std::string_view kCode("....\x68\x11\x80\xd2\x01\x00\x00\xd4....", 16);
  const int fd = memfd_create("vdso", MFD_CLOEXEC);
  ASSERT_EQ(write(fd, kCode.data(), kCode.size()), static_cast<ssize_t>(kCode.size()));
  const auto file = TargetFile::FromDescriptor(UniqueFd(fd));
  ASSERT_TRUE(file);
  ElfHeaders headers;
  headers.loads.push_back({.svma = 0x500, .file_size = kCode.size(), .executable = true});
  EXPECT_EQ(FindSignalReturn(*file, headers, kAarch64), 0x504U);
  EXPECT_FALSE(FindSignalReturn(*file, headers, kX86_64));
  headers.loads[0].file_size = 8;
  EXPECT_FALSE(FindSignalReturn(*file, headers, kAarch64));
}

#if defined(__x86_64__) && defined(__GLIBC__)
constexpr std::string_view kSyscall("\x0f\x05", 2);

/// The kernel's struct sigaction of x86-64.
struct KernelAction {
  void* handler = nullptr;
  unsigned long flags = 0;
  const char* restorer = nullptr;
  uint64_t mask = 0;
};

class UnwindTablesTest : public testing::Test {
 protected:
  /// Of the library that holds `address`, which comes to lie at `svma_`.
  UnwindTables TablesAt(const char* address) {
    Dl_info library;
    EXPECT_NE(dladdr(address, &library), 0);
    svma_ = static_cast<uint64_t>(address - static_cast<const char*>(library.dli_fbase));
    auto file = TargetFile::FromDescriptor(UniqueFd(open(library.dli_fname, O_RDONLY | O_CLOEXEC)));
    EXPECT_TRUE(file);
    return std::move(*UnwindTables::Read(*file, kX86_64));
  }

  uint64_t svma_ = 0;
};

const char* BehindSystemCall(const char* function) {
  const std::string_view code(function, 128);
  return function + code.find(kSyscall) + kSyscall.size();
}

TEST_F(UnwindTablesTest, WhereCloneReturnsTwiceTheReturnAddressIsOnTopOfTheStackOrNothingCalledIt) {
  const UnwindTables tables =
      TablesAt(BehindSystemCall(reinterpret_cast<const char*>(dlsym(RTLD_DEFAULT, "clone"))));
  const auto found = tables.Find(svma_);
  ASSERT_TRUE(found);
  if (found->row.kind != UnwindRow::Kind::kNone) GTEST_SKIP() << "this glibc has a row there";
  EXPECT_EQ(found->row.cfa_offset, 8);
  EXPECT_TRUE(found->row.entry);
}

TEST_F(UnwindTablesTest, WhileTheKernelEndsAHandlerTheInstructionBehindItsCallIsOfTheSignalFrame) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  ASSERT_EQ(sigaction(SIGUSR2, &action, nullptr), 0);
  KernelAction kernels;
  ASSERT_EQ(syscall(SYS_rt_sigaction, SIGUSR2, nullptr, &kernels, sizeof(kernels.mask)), 0);
  const UnwindTables tables = TablesAt(BehindSystemCall(kernels.restorer));
  const auto found = tables.Find(svma_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->row.kind, UnwindRow::Kind::kRules);
  EXPECT_TRUE(found->row.signal_frame);
  EXPECT_FALSE(tables.Find(svma_ + 1)->row.signal_frame);
}

TEST_F(UnwindTablesTest, TheStubThatInitialisesALibraryHasItsReturnAddressOnTopOfTheStack) {
  void* library = dlopen("libm.so.6", RTLD_LAZY);
  const UnwindTables tables = TablesAt(static_cast<const char*>(dlsym(library, "sin")));
  // _init, or a stub of the PLT: nothing lies before it.
  const auto segment = std::ranges::find(tables.headers().loads, true, &LoadSegment::executable);
  ASSERT_NE(segment, tables.headers().loads.end());
  const auto found = tables.Find(segment->svma);
  ASSERT_TRUE(found);
  if (found->row.kind != UnwindRow::Kind::kNone) GTEST_SKIP() << "this library has a row there";
  EXPECT_EQ(found->row.cfa_offset, 8);
}
#endif

}  // namespace
}  // namespace sonde
