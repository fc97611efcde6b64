// Mostly inside the vdso, which is no file.
//   vdso SECONDS
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static volatile long sink;

__attribute__((noinline)) static void ask(void) {
  struct timespec time;
  struct timeval day;
  for (int turn = 0; turn < 1000; turn++) {
    clock_gettime(CLOCK_MONOTONIC, &time);
    gettimeofday(&day, NULL);
    sink += time.tv_nsec + day.tv_usec;
  }
  __asm__ volatile("");
}

int main(int argc, char **argv) {
  const time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
  while (time(NULL) < end) ask();
  return 0;
}
