// A process whose working threads have names of their own; its own name is its program's.
//   named_threads SECONDS NAME...    one busy thread for each name
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

static time_t end;

static void* spin(void* name) {
  pthread_setname_np(pthread_self(), name);
  volatile uint64_t value = 0;
  while (time(NULL) < end)
    for (int turn = 0; turn < 1000000; turn++) value = value * 6364136223846793005u + 1;
  return NULL;
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  end = time(NULL) + atoi(argv[1]);
  pthread_t threads[argc - 2];
  for (int index = 2; index < argc; index++) pthread_create(&threads[index - 2], NULL, spin, argv[index]);
  for (int index = 2; index < argc; index++) pthread_join(threads[index - 2], NULL);
  return 0;
}
