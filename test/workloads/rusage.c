// Runs a command and writes what it and all it waited for used.
//   rusage FILE CMD…    FILE gets one JSON line: execTime (CLOCK_MONOTONIC ns), wallSeconds, cpuSeconds, maxRssBytes, status
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  long long start = now();
  pid_t pid = fork();
  if (pid == 0) {
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    _exit(127);
  }
  int status = 0;
  struct rusage usage;
  if (wait4(pid, &status, 0, &usage) < 0) return 1;
  double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  FILE *file = fopen(argv[1], "w");
  if (!file) return 1;
  fprintf(file, "{\"execTime\":\"%lld\",\"wallSeconds\":%.3f,\"cpuSeconds\":%.6f,\"maxRssBytes\":%lld,\"status\":%d}\n", start,
          (now() - start) / 1e9, cpu, usage.ru_maxrss * 1024ll, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return fclose(file) != 0;
}
