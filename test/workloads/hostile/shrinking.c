// shrinking SECONDS FILE: runs code of a mapped file that is cut, overwritten and written anew all the time.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const char *path;
static char own[1 << 20];
static size_t own_bytes;
static time_t end;
static sigjmp_buf lost;

// Needs nothing but itself, wherever it is mapped.
__attribute__((noinline, section(".moved"), used)) static void moved(void) {
  for (volatile int i = 0; i < 3000000; i++) {
  }
}
extern char __executable_start;

static void bus_error(int signal) {
  (void)signal;
  siglongjmp(lost, 1);
}

static void write_whole(int fd) {
  if (pwrite(fd, own, own_bytes, 0) < 0) abort();
}

// Another program's, or nobody's.
static void *damage(void *nothing) {
  unsigned seed = 4;
  char garbage[512];
  const int fd = open(path, O_RDWR);
  while (fd >= 0 && time(NULL) < end) {
    usleep(500 + rand_r(&seed) % 3000);
    for (size_t i = 0; i < sizeof(garbage); i++) garbage[i] = (char)rand_r(&seed);
    switch (rand_r(&seed) % 3) {
      case 0:
        if (ftruncate(fd, rand_r(&seed) % (long)own_bytes) != 0) abort();
        break;
      case 1:
        if (pwrite(fd, garbage, sizeof(garbage), rand_r(&seed) % (long)own_bytes) < 0) abort();
        break;
      default:
        write_whole(fd);
    }
  }
  return nothing;
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  end = time(NULL) + atoi(arguments[1]);
  path = arguments[2];
  const int self = open("/proc/self/exe", O_RDONLY);
  own_bytes = (size_t)read(self, own, sizeof(own));
  // Another file than this program: one of another build id (a note of type 3 whose owner is GNU).
  char *id = memmem(own, own_bytes, "\x03\0\0\0GNU", 8);
  if (id != NULL) id[8] ^= 1;
  const int fd = open(path, O_RDWR | O_CREAT, 0755);
  write_whole(fd);
  // The damage may strike the code that runs: it is tried again then. So may it be other code that runs.
  struct sigaction action = {.sa_handler = bus_error, .sa_flags = SA_NODEFER};
  for (int number = SIGILL; number <= SIGSEGV; number++) sigaction(number, &action, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, damage, NULL);
  const size_t distance = (size_t)((char *)moved - &__executable_start);
  while (time(NULL) < end) {
    char *mapped = mmap(NULL, own_bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED) abort();
    if (sigsetjmp(lost, 1) == 0 && memcmp(mapped + distance, (char *)moved, 16) == 0) {
      ((void (*)(void))(mapped + distance))();
    }
    munmap(mapped, own_bytes);
  }
  _exit(0);
}
