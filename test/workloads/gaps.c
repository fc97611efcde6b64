// The gap method: spins on the clock, 20 frames deep, and reports every gap. A gap that contains a sample's time stamp is
// what that sample took from this thread.
//   gaps SECONDS FILE    writes "start end" (CLOCK_MONOTONIC ns) per gap of over 1 µs to FILE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MOST_GAPS 4000000
#define SHORTEST_GAP_NS 1000

static struct gap {
  int64_t start, end;
} gaps[MOST_GAPS];
static size_t count;

static inline int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

__attribute__((noinline)) static void watch(int64_t until) {
  int64_t last = now();
  while (last < until && count < MOST_GAPS) {
    int64_t current = now();
    if (current - last > SHORTEST_GAP_NS) gaps[count++] = (struct gap){last, current};
    last = current;
  }
}

__attribute__((noinline)) void descend(int depth, int64_t until) {
  if (depth == 0)
    watch(until);
  else
    descend(depth - 1, until);
  __asm__ volatile("");  // keeps the call from becoming a jump
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  // Touched beforehand, so that recording a gap is not itself one.
  for (size_t index = 0; index < MOST_GAPS; index += 256) gaps[index].start = 1;
  descend(20, now() + (int64_t)(atof(argv[1]) * 1e9));
  FILE *file = fopen(argv[2], "w");
  if (!file) return 1;
  for (size_t index = 0; index < count; index++)
    fprintf(file, "%lld %lld\n", (long long)gaps[index].start, (long long)gaps[index].end);
  return fclose(file) != 0;
}
