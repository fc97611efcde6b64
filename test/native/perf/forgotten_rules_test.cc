// A program with more rules than are kept: rules are forgotten in the middle of a stack that has some of them. What is
// used after that would be seen by AddressSanitizer.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "core/base/clock.h"
#include "core/perf/event_attr.h"
#include "core/perf/stack_unwinder.h"
#include "core/perf/unwound_chain.h"

#if defined(__x86_64__)

namespace sonde {
namespace {

/// Every instruction of it has a row that does not fit into 16 bytes.
constexpr const char* kSource = R"(
.text
.globl sled
.type sled,@function
sled:
.cfi_startproc
.cfi_def_cfa %rsp, 8
.cfi_register %rbp, %rbx
.rept 100000
nop
.endr
ret
.cfi_endproc
.size sled,.-sled
.section .note.GNU-stack,"",@progbits
)";
constexpr size_t kStackPointer = 7;
constexpr size_t kInstructionPointer = 8;
constexpr int kRounds = 20;

/// Address of `sled` in a library made for it; 0 where it cannot be made.
uint64_t LoadSled(const std::string& directory) {
  std::ofstream(directory + "/sled.S") << kSource;
  const std::string library = directory + "/libsled.so";
  const std::string command = "gcc -shared -o " + library + " " + directory + "/sled.S";
  if (std::system(command.c_str()) != 0) return 0;
  void* loaded = dlopen(library.c_str(), RTLD_NOW);
  return loaded == nullptr ? 0 : reinterpret_cast<uint64_t>(dlsym(loaded, "sled"));
}

TEST(ForgottenRules, AStackThatNeedsMoreRulesThanAreKeptIsUnwoundAllTheSame) {
  char directory[] = "/tmp/sonde-sled-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const uint64_t sled = LoadSled(directory);
  if (sled == 0) GTEST_SKIP() << "gcc makes no library here";

  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  StackUnwinder unwinder{UniqueFd(dup(wake.get()))};
  std::vector<uint64_t> registers(kUserRegisterCount);
  std::vector<uint64_t> stack(1024);
  registers[kInstructionPointer] = sled + 4;
  registers[kStackPointer] = 0x7ffc00000000;
  uint64_t next = 16;
  for (int round = 0; round < kRounds; round++) {
    // One return address that stays, and as many new ones as fit.
    for (size_t i = 0; i < stack.size(); i++) stack[i] = sled + (i % 2 != 0 ? 8 : next++);
    const SampleRecord sample{.pid = static_cast<uint32_t>(getpid()),
                              .tid = static_cast<uint32_t>(getpid()),
                              .time = MonotonicNow(),
                              .registers = registers,
                              .registers_abi = PERF_SAMPLE_REGS_ABI_64,
                              .stack = std::as_bytes(std::span(stack)),
                              .stack_cut = true};
    auto words = unwinder.Unwind(sample, 127);
    for (int attempt = 0; !words && attempt < 100; attempt++) {
      pollfd answered{.fd = wake.get(), .events = POLLIN, .revents = 0};
      poll(&answered, 1, 100);
      uint64_t answers = 0;
      (void)!read(wake.get(), &answers, sizeof(answers));
      unwinder.TakeAnswers();
      words = unwinder.Unwind(sample, 127);
    }
    ASSERT_TRUE(words);
    const auto end = UnwoundChain::From(*words)->outcome.end;
    EXPECT_TRUE(end == UnwindEnd::kDepth || end == UnwindEnd::kCostlyRows ||
                end == UnwindEnd::kStackBytes)
        << static_cast<int>(end);
  }
}

}  // namespace
}  // namespace sonde

#endif
