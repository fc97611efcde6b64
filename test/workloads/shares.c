// Two functions with known CPU shares, 3:1, each the same loop; built with frame pointers. Rounds are of random lengths: a
// sampler's fixed rate would run in step with equal ones, and show any share.
//   shares SECONDS    prints the process's CPU time in nanoseconds when done
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_UNIT 400000

// gcc gives a function that calls nothing no frame, whatever -fno-omit-frame-pointer says; a use of it does.
#define KEEP_FRAME __asm__ volatile("" : : "r"(__builtin_frame_address(0)))

static volatile uint64_t sink;

static inline __attribute__((always_inline)) void spin(uint64_t turns) {
  uint64_t value = sink;
  for (uint64_t turn = 0; turn < turns; turn++) value = value * 6364136223846793005u + turn;
  sink = value;
}

__attribute__((noinline)) void three_quarters(uint64_t unit) {
  KEEP_FRAME;
  spin(3 * unit);
}

__attribute__((noinline)) void one_quarter(uint64_t unit) {
  KEEP_FRAME;
  spin(unit);
}

static int64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

__attribute__((noinline)) void work(int64_t until) {
  while (now(CLOCK_MONOTONIC) < until) {
    const uint64_t unit = 1 + (uint64_t)rand() % MAX_UNIT;
    three_quarters(unit);
    one_quarter(unit);
  }
}

int main(int argc, char **argv) {
  double seconds = argc > 1 ? atof(argv[1]) : 1;
  work(now(CLOCK_MONOTONIC) + (int64_t)(seconds * 1e9));
  printf("%lld\n", (long long)now(CLOCK_PROCESS_CPUTIME_ID));
  return 0;
}
