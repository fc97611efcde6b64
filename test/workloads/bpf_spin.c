// Loads a BPF program that counts to a few thousand at each system call, runs it for ARGV[1] ms, and takes it back. Prints
// its name when it runs. Without the right to load it, or a kernel that takes it, says so and exits with 77.

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define INSTRUCTION(operation, to, from, jump, value) \
  {.code = (operation), .dst_reg = (to), .src_reg = (from), .off = (jump), .imm = (value)}

static int64_t NowMs(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int Refused(const char* what) {
  printf("%s: %s\n", what, strerror(errno));
  return 77;
}

int main(int argc, char** argv) {
  const struct bpf_insn program[] = {
      INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_1, 0, 0, 0),
      INSTRUCTION(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, 1),
      INSTRUCTION(BPF_JMP | BPF_JLT | BPF_K, BPF_REG_1, 0, -2, 4000),
      INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
      INSTRUCTION(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };
  union bpf_attr load = {.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT,
                         .insn_cnt = sizeof(program) / sizeof(program[0]),
                         .insns = (uintptr_t)program,
                         .license = (uintptr_t) "GPL"};
  strcpy(load.prog_name, "sonde_spin");
  const int loaded = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof(load));
  if (loaded < 0) return Refused("BPF_PROG_LOAD");
  union bpf_attr attach = {
      .raw_tracepoint = {.name = (uintptr_t) "sys_enter", .prog_fd = (uint32_t)loaded}};
  const int attached = (int)syscall(SYS_bpf, BPF_RAW_TRACEPOINT_OPEN, &attach, sizeof(attach));
  if (attached < 0) return Refused("BPF_RAW_TRACEPOINT_OPEN");
  printf("sonde_spin\n");
  fflush(stdout);
  const int64_t end = NowMs() + (argc > 1 ? atoi(argv[1]) : 1000);
  while (NowMs() < end) {
    for (int i = 0; i < 1000; i++) syscall(SYS_getppid);
  }
  close(attached);
  close(loaded);
  sleep(1);
  return 0;
}
