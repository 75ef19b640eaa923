/* Code that writes code: the new instruction is executed, whoever has seen the old one. */
#include "report.inc"

/* register <- the instruction word at a label. */
    .macro INSTRUCTION register, name
    la      \register, \name
    lw      \register, 0(\register)
    .endm

    BEGIN

/* A function is called, changed and called again. */
    jal     function
    nop
    CHECK   "before", $v0, 1
    la      $t0, function
    INSTRUCTION $t1, two
    sw      $t1, 4($t0)
    jal     function
    nop
    CHECK   "after", $v0, 2

/* One byte of the immediate. */
    la      $t0, function
    li      $t1, 77
    sb      $t1, 7($t0)
    jal     function
    nop
    CHECK   "after a byte", $v0, 77

/* Changed in every round of a loop. */
    li      $s0, 0
    li      $s1, 0
1:  la      $t0, function
    sb      $s0, 7($t0)
    jal     function
    nop
    addu    $s1, $s1, $v0
    addiu   $s0, $s0, 1
    sltiu   $t1, $s0, 100
    bnez    $t1, 1b
    nop
    CHECK   "hundred changes", $s1, 4950

/* A delay slot. */
    la      $t0, function
    INSTRUCTION $t1, three
    sw      $t1, 12($t0)
    jal     function
    nop
    CHECK   "after a change in a delay slot", $v1, 3

    END

    .section .code, "awx", @progbits
function:
    li      $v1, 0
    addiu   $v0, $zero, 1
    jr      $ra
    nop

    .text
two:
    addiu   $v0, $zero, 2
three:
    addiu   $v1, $zero, 3
