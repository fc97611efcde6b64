// A timer's signals interrupt any instruction: of ours, of libc and at the border of a call. Half of the time is spent in
// the handler, which calls libc too.
//   signals SECONDS [other]    other: the handler has a stack of its own (sigaltstack)
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static volatile unsigned sink;

__attribute__((noinline)) static unsigned spin(unsigned value, int turns) {
  for (int turn = 0; turn < turns; turn++) value = value * 1664525u + 1013904223u;
  __asm__ volatile("" : "+r"(value));
  return value;
}

__attribute__((noinline)) static void work_of_handler(void) {
  char text[64];
  for (int round = 0; round < 2000; round++) {
    snprintf(text, sizeof(text), "%u", spin(sink, 100));
    sink += (unsigned)strlen(text);
  }
  __asm__ volatile("");
}

static void handle(int signal) {
  (void)signal;
  work_of_handler();
}

__attribute__((noinline)) static void descend(int depth) {
  char text[64];
  if (depth > 0) {
    descend(depth - 1);
  } else {
    for (int round = 0; round < 20; round++) {
      sink = spin(sink, 50);
      sink += (unsigned)snprintf(text, sizeof(text), "%u %s", sink, "text");
    }
  }
  __asm__ volatile("");
}

int main(int argc, char **argv) {
  const time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 1);
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
  if (argc > 2) {
    stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};
    sigaltstack(&stack, NULL);
    action.sa_flags |= SA_ONSTACK;
  }
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval often = {.it_interval = {.tv_usec = 2000}, .it_value = {.tv_usec = 2000}};
  setitimer(ITIMER_REAL, &often, NULL);
  while (time(NULL) < end) descend(5);
  return 0;
}
