// Frame pointers that lead to a context marker and then to an address of the kernel, as a hostile program would lay them.
//   forged_chain SECONDS
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

// {next frame, return address}, ascending, as a walk demands it.
static uint64_t frames[6];

__attribute__((noinline)) void forged(uint64_t turns) {
#ifdef __x86_64__
  __asm__ volatile(
      "push %%rbp\n"
      "mov %1, %%rbp\n"
      "1: dec %0\n"
      "jnz 1b\n"
      "pop %%rbp\n"
      : "+r"(turns)
      : "r"(frames)
      : "memory", "cc");
#else
  (void)turns;
#endif
}

int main(int argc, char **argv) {
  const time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
  frames[0] = (uint64_t)&frames[2];
  frames[1] = (uint64_t)-128;  // PERF_CONTEXT_KERNEL
  frames[2] = (uint64_t)&frames[4];
  frames[3] = 0xffffffff81000000;
  frames[5] = 0xffffffff81000010;
  while (time(NULL) < end) forged(10000000);
  return 0;
}
