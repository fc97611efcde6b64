// A recursion of so many calls, up and down all the time.
//   recursion SECONDS DEPTH
#include <stdlib.h>
#include <time.h>

static volatile unsigned sink;

__attribute__((noinline)) static unsigned descend(int depth, unsigned value) {
  if (depth > 0) value = descend(depth - 1, value * 3 + 1) + descend(depth > 20 ? 0 : depth - 5, value);
  for (int turn = 0; turn < 40; turn++) value = value * 1664525u + 1013904223u;
  __asm__ volatile("" : "+r"(value));
  return value;
}

int main(int argc, char **argv) {
  const time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
  const int depth = argc > 2 ? atoi(argv[2]) : 500;
  while (time(NULL) < end) sink = descend(depth, sink);
  return 0;
}
