// costly SECONDS: 30,000 instructions of CFI stand before the first instruction of a function of 100,000, so that nearly
// every sample asks for a row that is not known yet, and that takes long to work out.
#include <stdlib.h>
#include <time.h>

asm(".text\n.type costly, @function\ncostly:\n"
    ".cfi_startproc\n"
    ".rept 15000\n.cfi_remember_state\n.cfi_restore_state\n.endr\n"
    ".rept 100000\n  nop\n.endr\n"
    "  ret\n"
    ".cfi_endproc\n.size costly, .-costly\n");
void costly(void);

int main(int count, char **arguments) {
  const time_t end = time(NULL) + (count > 1 ? atoi(arguments[1]) : 1);
  while (time(NULL) < end) costly();
  return 0;
}
