#include "lines/system_calls.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sonde {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif

/// What malloc, libelf and the socket need.
constexpr uint32_t kAllowed[] = {
    SYS_read,       SYS_write,        SYS_pread64,         SYS_lseek,
    SYS_fstat,
#ifdef SYS_newfstatat
    SYS_newfstatat,
#endif
    SYS_fcntl,      SYS_close,        SYS_munmap,          SYS_mremap,
    SYS_brk,        SYS_madvise,      SYS_getrandom,       SYS_clock_gettime,
    SYS_futex,      SYS_rt_sigreturn, SYS_restart_syscall, SYS_exit,
    SYS_exit_group,
};
/// Allowed for memory that is not executable; the third argument says.
constexpr uint32_t kMemory[] = {SYS_mmap, SYS_mprotect};

constexpr uint32_t At(size_t offset) { return static_cast<uint32_t>(offset); }
constexpr sock_filter Statement(uint16_t code, uint32_t operand) { return {code, 0, 0, operand}; }
constexpr sock_filter Load(size_t offset) {
  return Statement(BPF_LD | BPF_W | BPF_ABS, At(offset));
}
constexpr sock_filter Return(uint32_t verdict) { return Statement(BPF_RET | BPF_K, verdict); }
/// Goes on where equal, else leaves out the next statement(s).
constexpr sock_filter UnlessEqualSkip(uint32_t value, uint8_t statements) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, statements, value};
}

std::vector<sock_filter> Program() {
  constexpr uint32_t kNo = SECCOMP_RET_ERRNO | EPERM;
  std::vector<sock_filter> program = {
      Load(offsetof(seccomp_data, arch)),
      {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, kArchitecture},
      Return(SECCOMP_RET_KILL_PROCESS),
      Load(offsetof(seccomp_data, nr)),
  };
  for (const uint32_t call : kAllowed) {
    program.push_back(UnlessEqualSkip(call, 1));
    program.push_back(Return(SECCOMP_RET_ALLOW));
  }
  for (const uint32_t call : kMemory) {
    program.push_back(UnlessEqualSkip(call, 4));
    program.push_back(Load(offsetof(seccomp_data, args) + 2 * sizeof(uint64_t)));
    program.push_back({BPF_JMP | BPF_JSET | BPF_K, 1, 0, PROT_EXEC});
    program.push_back(Return(SECCOMP_RET_ALLOW));
    program.push_back(Return(kNo));
  }
  program.push_back(Return(kNo));
  return program;
}

}  // namespace

bool ForbidSystemCalls() {
  std::vector<sock_filter> statements = Program();
  const sock_fprog program = {static_cast<unsigned short>(statements.size()), statements.data()};
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace sonde
