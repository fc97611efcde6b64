// A tight loop through the PLT, so that many samples are in a stub; lazily bound functions now and then (dlopen again).
//   plt SECONDS
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static volatile int sink;

__attribute__((noinline)) static void call(const char *text) {
  // Not builtins: each is a call through a stub.
  for (int turn = 0; turn < 2000; turn++) sink += abs(turn) + (int)labs(turn) + ffs(turn) + (text == NULL);
  __asm__ volatile("");
}

__attribute__((noinline)) static void bind(void) {
  void *library = dlopen("libm.so.6", RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL) exit(1);
  double (*sine)(double) = (double (*)(double))dlsym(library, "sin");
  sink += (int)sine(sink);
  dlclose(library);
}

int main(int argc, char **argv) {
  const time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
  for (unsigned round = 0; time(NULL) < end; round++) {
    call(argv[0]);
    if (round % 64 == 0) bind();
  }
  return 0;
}
