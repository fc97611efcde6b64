// looping SECONDS: every frame's rules are expressions that jump back for ever, on a stack of 400 such frames.
#include <stdlib.h>
#include <time.h>

// DW_CFA_val_expression of a register: lit0, skip -4. That of rbp (6) keeps the row from being made simple.
#define LOOP(number) ".cfi_escape 0x16, " #number ", 4, 0x30, 0x2f, 0xfc, 0xff\n"

// frames(n) calls itself n times and then spins. The CFA is right, after 898 operations that do nothing.
asm(".text\n.type frames, @function\nframes:\n"
    ".cfi_startproc\n"
    ".cfi_escape 0x0f, 0x84, 0x07\n"
    ".rept 898\n.cfi_escape 0x96\n.endr\n"
    ".cfi_escape 0x77, 16\n"  // DW_OP_breg7 16
    LOOP(0) LOOP(1) LOOP(2) LOOP(3) LOOP(6) LOOP(8) LOOP(9) LOOP(10) LOOP(11) LOOP(12) LOOP(13)
    "  sub $8, %rsp\n"
    "  test %edi, %edi\n"
    "  jz 1f\n"
    "  dec %edi\n"
    "  call frames\n"
    "  add $8, %rsp\n"
    "  ret\n"
    "1: mov $2000000, %eax\n"
    "2: dec %eax\n"
    "  jnz 2b\n"
    "  add $8, %rsp\n"
    "  ret\n"
    ".cfi_endproc\n.size frames, .-frames\n");
void frames(int depth);

int main(int count, char **arguments) {
  const time_t end = time(NULL) + (count > 1 ? atoi(arguments[1]) : 1);
  while (time(NULL) < end) frames(400);
  return 0;
}
