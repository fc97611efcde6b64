// The C library calls us and is called by us: qsort with a callback that formats and allocates. The leaf is nearly always
// in libc, which keeps no frame pointers.
//   libc_heavy SECONDS
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_COUNT 800

static char *words[MAX_COUNT];
// Another number in each round: a sampler's fixed rate would run in step with rounds of one length, and show any share.
static size_t count;

__attribute__((noinline)) static int compare(const void *left, const void *right) {
  char one[32], other[32];
  snprintf(one, sizeof(one), "%.6s-%d", *(char *const *)left, 7);
  snprintf(other, sizeof(other), "%.6s-%d", *(char *const *)right, 7);
  return strcmp(one, other);
}

__attribute__((noinline)) static void fill(unsigned seed) {
  // At least one, so that a compiler does not test the count before it makes the frame: gdb looks for that at the beginning.
  size_t index = 0;
  do {
    free(words[index]);
    words[index] = malloc(16 + index % 64);
    seed = seed * 1664525u + 1013904223u;
    snprintf(words[index], 16, "%08x", seed);
  } while (++index < count);
}

__attribute__((noinline)) static void sort(void) {
  qsort(words, count, sizeof(words[0]), compare);
  __asm__ volatile("");
}

__attribute__((noinline)) static void descend(int depth, unsigned seed) {
  if (depth == 0) {
    fill(seed);
    sort();
  } else {
    descend(depth - 1, seed);
  }
  __asm__ volatile("");
}

int main(int argc, char **argv) {
  const time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
  for (unsigned seed = 1; time(NULL) < end; seed++) {
    count = 1 + (size_t)rand() % MAX_COUNT;
    descend(4, seed);
  }
  return 0;
}
