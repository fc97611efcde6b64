// Frames whose CFA is not a constant away from the stack pointer: alloca, arrays of variable length, and a stack that is
// aligned to 64 bytes, which gcc describes by an expression (DRAP).
//   odd_frames SECONDS
#include <alloca.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile unsigned sink;

__attribute__((noinline)) static void spin(char *bytes, size_t size) {
  memset(bytes, (int)sink, size);
  for (size_t turn = 0; turn < 500; turn++) sink += (unsigned char)bytes[turn % size];
  __asm__ volatile("");
}

__attribute__((noinline)) static void aligned(int size) {
  _Alignas(64) char bytes[128];
  char *more = alloca((size_t)size);
  spin(bytes, sizeof(bytes));
  spin(more, (size_t)size);
  __asm__ volatile("");
}

__attribute__((noinline)) static void variable(int size) {
  char bytes[size];
  spin(bytes, (size_t)size);
  aligned(size);
  __asm__ volatile("");
}

__attribute__((noinline)) static void many(int a, int b, int c, int d, int e, int f, int g, int h, int i) {
  variable(64 + (a + b + c + d + e + f + g + h + i) % 256);
  __asm__ volatile("");
}

int main(int argc, char **argv) {
  const time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
  for (int round = 0; time(NULL) < end; round = (round + 1) % 1000) many(round, 1, 2, 3, 4, 5, 6, 7, round);
  return 0;
}
