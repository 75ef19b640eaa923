/* One instruction that raises an exception, given by the command line: it ends the program with a
 * signal, after the first line and before the second. */
#include "report.inc"

    BEGIN

    li      $s0, 1
    SHOW    "before", $s0
    li      $t0, 0x7fffffff
    li      $t1, 0x80000000
    li      $t2, 1
    li      $t3, -1
    la      $t4, word

    INSTRUCTION
    nop

    SHOW    "after", $s0
    END

    .data
    .balign 4
word:
    .word   0, 0
