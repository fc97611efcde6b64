// forged SECONDS: spins a few calls deep. What its file says of itself is forged afterwards; nobody reads that to run it.
#include <stdlib.h>
#include <time.h>

static volatile unsigned sum;

__attribute__((noinline)) static void spin(int depth) {
  if (depth > 0) {
    spin(depth - 1);
    sum++;
    return;
  }
  for (int i = 0; i < 100000; i++) sum += (unsigned)i;
}

int main(int count, char **arguments) {
  const time_t end = time(NULL) + (count > 1 ? atoi(arguments[1]) : 1);
  while (time(NULL) < end) spin(6);
  return 0;
}
