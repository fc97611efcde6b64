// Page faults of a known number.
//   touch_pages PAGES    touches so many pages for the first time
#include <stdlib.h>
#include <sys/mman.h>

int main(int argc, char **argv) {
  const size_t pages = argc > 1 ? (size_t)atol(argv[1]) : 1000;
  char *memory = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  madvise(memory, pages * 4096, MADV_NOHUGEPAGE);
  for (size_t page = 0; page < pages; page++) ((volatile char *)memory)[page * 4096] = 1;
  return 0;
}
