// churning SECONDS: maps its own file and memory as code, and unmaps them, some thousand times a second; runs what it has
// mapped in between.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

__attribute__((noinline, section(".moved"), used)) static void moved(void) {
  for (volatile int i = 0; i < 20000; i++) {
  }
}

int main(int count, char **arguments) {
  const time_t end = time(NULL) + (count > 1 ? atoi(arguments[1]) : 1);
  const int self = open("/proc/self/exe", O_RDONLY);
  while (time(NULL) < end) {
    char *file = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, self, 0);
    char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (file == MAP_FAILED || memory == MAP_FAILED) abort();
    memcpy(memory, (char *)moved, 512);
    if (mprotect(memory, 8192, PROT_READ | PROT_EXEC) != 0) abort();
    ((void (*)(void))memory)();
    munmap(file, 4096);
    munmap(memory, 8192);
  }
  return 0;
}
