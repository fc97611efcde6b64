// Four threads at different depths, two of them mostly in system calls, and others that begin and end all the time.
//   threads SECONDS
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static time_t end;

__attribute__((noinline)) static unsigned spin(unsigned value) {
  for (int turn = 0; turn < 3000; turn++) value = value * 1664525u + 1013904223u;
  __asm__ volatile("" : "+r"(value));
  return value;
}

__attribute__((noinline)) static unsigned descend(int depth, unsigned value) {
  char text[64];
  if (depth > 0) {
    value = descend(depth - 1, value);
  } else {
    value = spin(value);
    snprintf(text, sizeof(text), "%u %f", value, value / 3.0);
    value += (unsigned)strlen(text);
  }
  __asm__ volatile("" : "+r"(value));
  return value;
}

static void *compute(void *argument) {
  unsigned value = 1;
  while (time(NULL) < end) value = descend(*(int *)argument, value);
  return (void *)(size_t)value;
}

static void *call(void *argument) {
  int ends[2];
  char byte = 0;
  if (pipe(ends) != 0) return NULL;
  while (time(NULL) < end)
    if (write(ends[1], &byte, 1) != 1 || read(ends[0], &byte, 1) != 1) return argument;
  return NULL;
}

static void *brief(void *argument) {
  return (void *)(size_t)descend(2, (unsigned)(size_t)argument);
}

int main(int argc, char **argv) {
  end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
  pthread_t threads[4];
  int depths[] = {3, 20};
  pthread_create(&threads[0], NULL, compute, &depths[0]);
  pthread_create(&threads[1], NULL, compute, &depths[1]);
  pthread_create(&threads[2], NULL, call, NULL);
  pthread_create(&threads[3], NULL, call, NULL);
  while (time(NULL) < end) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, brief, NULL) == 0) pthread_join(thread, NULL);
  }
  for (int index = 0; index < 4; index++) pthread_join(threads[index], NULL);
  return 0;
}
