// Makes two functions at run time and says so in a perf-map, a jitdump or both; spends three quarters of its time in the
// first. jit MODE SECONDS [PATH]
//
//   perf-map   /tmp/perf-PID.map says jit_first and jit_second
//   jitdump    PATH/jit-PID.dump says dump_first (with file and line) and dump_second
//   both       the perf-map says jit_…, the jitdump only dump_first
//   huge       200 MB of other functions stand before those of the perf-map
//   damaged    between the lines of the perf-map, and in the jitdump, stands what is none
//   reused     the functions' memory is used again: the perf-map says stale_… before
//   moved      as jitdump; the second is said elsewhere first and then moved to where it runs
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef void Spin(uint64_t rounds);

#if defined(__x86_64__)
static const uint8_t kSpin[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0x89, 0xf9, 0x48,
                                0xff, 0xc9, 0x75, 0xfb, 0x5d, 0xc3};
enum { kMachine = 62 };
#elif defined(__aarch64__)
static const uint32_t kSpin[] = {0xa9bf7bfd, 0x910003fd, 0xf1000400,
                                 0x54ffffe1, 0xa8c17bfd, 0xd65f03c0};
enum { kMachine = 183 };
#endif
enum { kDistance = 256 };

static uint8_t *code;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint8_t *function(int number) { return code + number * kDistance; }

// --- perf-map ------------------------------------------------------------------------------------

static FILE *perf_map(void) {
  char path[64];
  snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
  FILE *map = fopen(path, "w");
  if (map == NULL) exit(3);
  return map;
}

static void say(FILE *map, int number, const char *name) {
  fprintf(map, "%lx %zx %s\n", (unsigned long)function(number), sizeof(kSpin), name);
}

static void fill(FILE *map) {
  for (long line = 0; line < 4000000; line++) {
    fprintf(map, "%012lx 20 filler_function_that_is_never_run_%07ld\n", 0x100000000 + line * 64, line);
  }
}

static void write_perf_map(const char *mode) {
  FILE *map = perf_map();
  if (strcmp(mode, "huge") == 0) fill(map);
  if (strcmp(mode, "reused") == 0) {
    fprintf(map, "%lx 1000 stale_page\n", (unsigned long)code);
    say(map, 0, "stale_first");
  }
  if (strcmp(mode, "damaged") == 0) fprintf(map, "\n\033[2Jno line\n%lx\nzz 10 f\n", (unsigned long)code);
  say(map, 0, strcmp(mode, "damaged") == 0 ? "jit_\033first" : "jit_first");
  say(map, 1, "jit_second");
  if (strcmp(mode, "damaged") == 0) fwrite("1000 10 no end", 1, 14, map);
  fclose(map);
}

// --- jitdump -------------------------------------------------------------------------------------

struct header {
  uint32_t magic, version, size, machine, padding, pid;
  uint64_t time, flags;
};
struct record {
  uint32_t id, size;
  uint64_t time;
};
struct load {
  uint32_t pid, tid;
  uint64_t vma, address, size, index;
};
struct move {
  uint32_t pid, tid;
  uint64_t vma, from, to, size, index;
};
struct debug {
  uint64_t address, entries;
};
struct line {
  uint64_t address;
  int32_t line, column;
};

static void put(int fd, const void *bytes, size_t size) {
  if (write(fd, bytes, size) != (ssize_t)size) exit(4);
}

static void put_debug(int fd, uint8_t *at, const char *file) {
  const size_t length = strlen(file) + 1;
  const struct record record = {
      2, (uint32_t)(sizeof(struct record) + sizeof(struct debug) + 2 * sizeof(struct line) + length + 2), now()};
  const struct debug debug = {(uintptr_t)at, 2};
  const struct line lines[] = {{(uintptr_t)at, 11, 0}, {(uintptr_t)at + 4, 12, 0}};
  put(fd, &record, sizeof(record));
  put(fd, &debug, sizeof(debug));
  put(fd, &lines[0], sizeof(lines[0]));
  put(fd, file, length);
  put(fd, &lines[1], sizeof(lines[1]));
  put(fd, "\xff", 2);
}

static void put_load(int fd, uint8_t *at, uint64_t index, const char *name) {
  const size_t length = strlen(name) + 1;
  const struct record record = {0, (uint32_t)(sizeof(struct record) + sizeof(struct load) + length + sizeof(kSpin)),
                                now()};
  const struct load load = {(uint32_t)getpid(), (uint32_t)getpid(), (uintptr_t)at, (uintptr_t)at, sizeof(kSpin), index};
  put(fd, &record, sizeof(record));
  put(fd, &load, sizeof(load));
  put(fd, name, length);
  put(fd, kSpin, sizeof(kSpin));
}

static void put_move(int fd, uint8_t *from, uint8_t *to, uint64_t index) {
  const struct record record = {1, sizeof(struct record) + sizeof(struct move), now()};
  const struct move move = {(uint32_t)getpid(),  (uint32_t)getpid(), (uintptr_t)to, (uintptr_t)from,
                            (uintptr_t)to, sizeof(kSpin), index};
  put(fd, &record, sizeof(record));
  put(fd, &move, sizeof(move));
}

static void write_jitdump(const char *mode, const char *directory) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/jit-%d.dump", directory, (int)getpid());
  const int fd = open(path, O_CREAT | O_TRUNC | O_RDWR, 0644);
  if (fd < 0 || mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED) exit(5);
  const struct header header = {0x4a695444, 1, sizeof(header), kMachine, 0, (uint32_t)getpid(), now(), 0};
  put(fd, &header, sizeof(header));
  put_debug(fd, function(0), "/src/first.script");
  put_load(fd, function(0), 1, "dump_first");
  if (strcmp(mode, "both") != 0) {
    const int moved = strcmp(mode, "moved") == 0;
    put_load(fd, function(moved ? 3 : 1), 2, "dump_second");
    if (moved) put_move(fd, function(3), function(1), 2);
  }
  if (strcmp(mode, "damaged") == 0) put(fd, "no record at all, of no length", 30);
}

int main(int count, char **arguments) {
  if (count < 3) return 2;
  const char *mode = arguments[1];
  code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return 1;
  for (int number = 0; number < 2; number++) memcpy(function(number), kSpin, sizeof(kSpin));
  __builtin___clear_cache((char *)code, (char *)code + 4096);
  if (mprotect(code, 4096, PROT_READ | PROT_EXEC) != 0) return 1;

  if (strcmp(mode, "jitdump") != 0 && strcmp(mode, "moved") != 0) write_perf_map(mode);
  if (count > 3) write_jitdump(mode, arguments[3]);
  puts("ready");
  fflush(stdout);
  const uint64_t end = now() + (uint64_t)atoi(arguments[2]) * 1000000000u;
  while (now() < end) {
    // Of another length each time: a sampler's fixed rate would run in step with rounds of one length, and show any share.
    const uint64_t unit = 1 + (uint64_t)rand() % 2000000;
    ((Spin *)(uintptr_t)function(0))(3 * unit);
    ((Spin *)(uintptr_t)function(1))(unit);
  }
  return 0;
}
