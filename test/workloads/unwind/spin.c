// Twelve calls deep, in a loop that calls nothing: all stacks are the same but for the instruction.
//   spin SECONDS
#include <stdlib.h>
#include <unistd.h>

static volatile unsigned long turns, last;

__attribute__((noinline)) static void descend(int depth) {
  if (depth > 0)
    descend(depth - 1);
  else
    while (last == 0) turns++;
  __asm__ volatile("");
}

int main(int argc, char **argv) {
  alarm(argc > 1 ? (unsigned)atoi(argv[1]) : 1);
  descend(11);
  return 0;
}
