#include "lines/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/lines/line_protocol.h"
#include "lines/system_calls.h"

namespace sonde {
namespace {

constexpr unsigned kNobody = 65534;
#ifdef __SANITIZE_ADDRESS__
/// AddressSanitizer's shadow memory and reports need most of what is taken.
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

void CloseOthers() { syscall(SYS_close_range, static_cast<unsigned>(kLineImageFd) + 1, ~0U, 0U); }

/// Where memory runs short it goes before the agent and before what is profiled. It needs no privilege.
void OfferToOomKiller() {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)!write(fd, "1000", 4);
  close(fd);
}

bool Limit(int resource, uint64_t most) {
  const rlimit limit = {most, most};
  return setrlimit(static_cast<__rlimit_resource>(resource), &limit) == 0;
}

bool SetLimits(const SandboxLimits& limits) {
  return Limit(RLIMIT_CORE, 0) && Limit(RLIMIT_FSIZE, 0) && Limit(RLIMIT_CPU, limits.cpu_seconds) &&
         Limit(RLIMIT_NOFILE, 0) && Limit(RLIMIT_MEMLOCK, 0) && Limit(RLIMIT_NPROC, 0) &&
         Limit(RLIMIT_DATA, limits.data_bytes) &&
         Limit(RLIMIT_AS, limits.data_bytes + limits.mapped_bytes);
}

/// Root becomes nobody, where there is one: a user namespace may know no other user.
void BecomeNobody() {
  if (geteuid() != 0) return;
  (void)!setgroups(0, nullptr);
  (void)!setresgid(kNobody, kNobody, kNobody);
  (void)!setresuid(kNobody, kNobody, kNobody);
}

bool DropCapabilities() {
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capset, &header, none) == 0;
}

}  // namespace

const char* EnterSandbox(const SandboxLimits& limits) {
  CloseOthers();
  if (kSanitized) return Limit(RLIMIT_CPU, limits.cpu_seconds) ? nullptr : "limits of resources";
  OfferToOomKiller();
  setpriority(PRIO_PROCESS, 0, 10);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return "new privileges";
  BecomeNobody();
  if (!DropCapabilities()) return "capabilities";
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (!SetLimits(limits)) return "limits of resources";
  if (!ForbidSystemCalls()) return "system calls (seccomp)";
  return nullptr;
}

}  // namespace sonde
