// steady SECONDS: the well-behaved neighbour. Sorts through the C library, without frame pointers, a dozen calls deep.
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int words[4096];
static volatile int sum;

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

__attribute__((noinline)) static void work(int depth) {
  if (depth > 0) {
    work(depth - 1);
    sum++;  // no tail call
    return;
  }
  for (int i = 0; i < 4096; i++) words[i] = (i * 7919) % 4099;
  qsort(words, 4096, sizeof(int), compare);
  sum += words[17];
}

int main(int count, char **arguments) {
  const time_t end = time(NULL) + (count > 1 ? atoi(arguments[1]) : 1);
  while (time(NULL) < end) work(8);
  return 0;
}
