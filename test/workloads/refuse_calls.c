// Runs a command under a seccomp filter that refuses the system calls named: what container runtimes do.
//   refuse_calls ERRNO bpf,perf_event_open COMMAND …
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_RULES = 8 };

static struct sock_filter filter[2 + 2 * MAX_RULES];
static unsigned short length;

static void append(struct sock_filter instruction) { filter[length++] = instruction; }

static unsigned number_of(const char *name) {
  if (strcmp(name, "bpf") == 0) return SYS_bpf;
  if (strcmp(name, "perf_event_open") == 0) return SYS_perf_event_open;
  fprintf(stderr, "refuse_calls: unknown call %s\n", name);
  exit(2);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  const unsigned error = strcmp(argv[1], "ENOSYS") == 0 ? ENOSYS : EPERM;
  append((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
  int rules = 0;
  for (char *name = strtok(argv[2], ","); name != NULL && rules < MAX_RULES; name = strtok(NULL, ","), rules++) {
    append((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number_of(name), 0, 1));
    append((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
  }
  append((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const struct sock_fprog program = {.len = length, .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    perror("refuse_calls: seccomp");
    return 2;
  }
  execvp(argv[3], argv + 3);
  perror(argv[3]);
  return 127;
}
