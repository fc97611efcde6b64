// Saturates THREADS CPUs with 4,096 distinct stacks, 24 calls deep; built with frame pointers.
//   many_stacks SECONDS THREADS    prints the process's CPU time in nanoseconds when done
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LEVELS 12

static int64_t deadline;

static int64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static uint64_t descend(uint32_t path, int depth);

__attribute__((noinline)) uint64_t left(uint32_t path, int depth) {
  return descend(path, depth) + 1;
}

__attribute__((noinline)) uint64_t right(uint32_t path, int depth) {
  return descend(path, depth) + 2;
}

__attribute__((noinline)) static uint64_t bottom(uint32_t path) {
  volatile uint64_t value = path;
  for (int turn = 0; turn < 2000; turn++) value = value * 2862933555777941757u + 3037000493u;
  return value;
}

static uint64_t descend(uint32_t path, int depth) {
  if (depth == 0) return bottom(path);
  // One bit of `path` per level, two frames per level.
  return (path & 1) ? left(path >> 1, depth - 1) : right(path >> 1, depth - 1);
}

static void *work(void *argument) {
  uint32_t seed = (uint32_t)(uintptr_t)argument;
  uint64_t sum = 0;
  while (now(CLOCK_MONOTONIC) < deadline) {
    seed = seed * 1664525u + 1013904223u;
    sum += descend(seed >> (32 - LEVELS), LEVELS);
  }
  return (void *)(uintptr_t)sum;
}

int main(int argc, char **argv) {
  double seconds = argc > 1 ? atof(argv[1]) : 1;
  int threads = argc > 2 ? atoi(argv[2]) : 1;
  pthread_t workers[256];
  if (threads < 1 || threads > 256) return 2;
  deadline = now(CLOCK_MONOTONIC) + (int64_t)(seconds * 1e9);
  for (int index = 0; index < threads; index++)
    pthread_create(&workers[index], NULL, work, (void *)(uintptr_t)(index + 1));
  for (int index = 0; index < threads; index++) pthread_join(workers[index], NULL);
  printf("%lld\n", (long long)now(CLOCK_PROCESS_CPUTIME_ID));
  return 0;
}
