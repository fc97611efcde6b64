// sonde-launcher PROGRAM [ARG…]: the first program of a container in which Sonde is not root.
//
// A capability that a container is given reaches a process of another user only through the file that it executes, and a
// program that runs others (node with a bundle) cannot have it that way: every script would. So this file has the four as
// permitted (setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_syslog+p), and hands on those that it really got, as ambient
// capabilities. Permitted only: with +ep, exec fails with EPERM where one of them is missing from the bounding set.
//
// Static, so that nothing in the image can take part. A program without capabilities still runs: the agent says what it lacks.
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/privileges/capability_sets.h"

namespace {

struct Capability {
  const char* name;
  int number;
};

/// By their numbers: the headers or the kernel may be older than the first two (Linux 5.8), whose bits nobody has then.
constexpr Capability kPassedOn[] = {
    {"CAP_BPF", 39}, {"CAP_PERFMON", 38}, {"CAP_SYS_PTRACE", 19}, {"CAP_SYSLOG", 34}};

constexpr int kWrongUsage = 2;
constexpr int kCannotExecute = 126;
constexpr int kNotFound = 127;

constexpr char kNoNewPrivileges[] =
    "no_new_privs is set (Kubernetes: allowPrivilegeEscalation: false), and what executed this "
    "file had "
    "none. Let the container begin with it, with no shell before it";
constexpr char kNotGiven[] =
    "this file has none (setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_syslog+p), or the container "
    "was "
    "given none of them";

void SayWhyNothingIsPassedOn() {
  const bool no_new_privileges = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  dprintf(STDERR_FILENO, "sonde-launcher: no capabilities to pass on: %s.\n",
          no_new_privileges ? kNoNewPrivileges : kNotGiven);
}

/// Inheritable first, for no other can be ambient. `sets` are the calling thread's.
void PassOn(const Capability& capability, sonde::CapabilitySets& sets) {
  const auto before = sets.inheritable;
  sets.inheritable |= sonde::MaskOf(capability.number);
  const char* set = "inheritable";
  if (sonde::SetOwnCapabilities(sets)) {
    set = "ambient";
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability.number, 0, 0) == 0) return;
  } else {
    sets.inheritable = before;
  }
  dprintf(STDERR_FILENO, "sonde-launcher: cannot pass on %s: it may not be made %s: %s.\n",
          capability.name, set, strerror(errno));
}

void PassOnWhatWasGiven() {
  auto sets = sonde::OwnCapabilities();
  if (!sets) {
    dprintf(STDERR_FILENO, "sonde-launcher: no capabilities are passed on: capget: %s.\n",
            strerror(errno));
    return;
  }
  bool any = false;
  for (const Capability& capability : kPassedOn) {
    if ((sets->permitted & sonde::MaskOf(capability.number)) == 0) continue;
    any = true;
    PassOn(capability, *sets);
  }
  if (!any) SayWhyNothingIsPassedOn();
}

}  // namespace

int main(int count, char** words) {
  if (count < 2 || words[1][0] != '/') {
    dprintf(STDERR_FILENO,
            "sonde-launcher: expected the absolute path of a program.\n"
            "Usage: sonde-launcher PROGRAM [ARG...]\n");
    return kWrongUsage;
  }
  PassOnWhatWasGiven();
  execv(words[1], words + 1);
  const int error = errno;
  dprintf(STDERR_FILENO, "sonde-launcher: cannot execute %s: %s.\n", words[1], strerror(error));
  return error == ENOENT || error == ENOTDIR ? kNotFound : kCannotExecute;
}
