/* ADD, ADDU, SUB, SUBU, ADDI, ADDIU: without overflow, or without caring. Overflow: signals.S. */
#include "operations.inc"

/* Every register is a source and a destination: the fields of the encoding have five bits each. */
    .macro EACH_REGISTER numbers:vararg
    .irp    number, \numbers
    move    $s6, $sp
    li      $\number, 0x01010101 * \number
    addiu   $\number, $\number, 1
    addu    $\number, $\number, $\number
    move    $s0, $\number
    move    $sp, $s6
    CHECK   "addu $\number, $\number, $\number", $s0, 0x02020202 * \number + 2
    .endr
    .endm

    BEGIN

    RR      add, 0, 0, 0
    RR      add, 1, 2, 3
    RR      add, 1, 0xffffffff, 0
    RR      add, 0x7fffffff, 0x80000000, 0xffffffff
    RR      add, 0x12345678, 0x0fedcba9, 0x22222221
    RR      add, 0xdeadbeef, 0x11111111, 0xefbed000
    RR      add, 0x7ffffffe, 1, 0x7fffffff
    RR      add, 0x80000001, 0xffffffff, 0x80000000

    RR      addu, 0, 0, 0
    RR      addu, 1, 2, 3
    RR      addu, 1, 0xffffffff, 0
    RR      addu, 0x7fffffff, 0x80000000, 0xffffffff
    RR      addu, 0x12345678, 0x0fedcba9, 0x22222221
    RR      addu, 0xdeadbeef, 0x11111111, 0xefbed000
    RR      addu, 0x7fffffff, 1, 0x80000000
    RR      addu, 0x80000000, 0x80000000, 0
    RR      addu, 0xffffffff, 0xffffffff, 0xfffffffe
    RR      addu, 0x80000000, 0xffffffff, 0x7fffffff

    RR      sub, 0, 0, 0
    RR      sub, 5, 7, 0xfffffffe
    RR      sub, 0, 1, 0xffffffff
    RR      sub, 0xffffffff, 0xffffffff, 0
    RR      sub, 0x7fffffff, 0x7fffffff, 0
    RR      sub, 0x80000000, 0x80000000, 0
    RR      sub, 0x12345678, 0x1abcdef0, 0xf7777788

    RR      subu, 0, 0, 0
    RR      subu, 5, 7, 0xfffffffe
    RR      subu, 0, 1, 0xffffffff
    RR      subu, 0xffffffff, 0xffffffff, 0
    RR      subu, 0x7fffffff, 0x7fffffff, 0
    RR      subu, 0x80000000, 0x80000000, 0
    RR      subu, 0x12345678, 0x1abcdef0, 0xf7777788
    RR      subu, 0x80000000, 1, 0x7fffffff
    RR      subu, 0x7fffffff, 0xffffffff, 0x80000000
    RR      subu, 0, 0x80000000, 0x80000000

    RI      addi, 0, 0, 0
    RI      addi, 0, 1, 1
    RI      addi, 0, -1, 0xffffffff
    RI      addi, 5, -7, 0xfffffffe
    RI      addi, 0x12345678, 32767, 0x1234d677
    RI      addi, 0x12345678, -32768, 0x1233d678
    RI      addi, 0x7fff8000, 32767, 0x7fffffff
    RI      addi, 0x80008000, -32768, 0x80000000

    RI      addiu, 0, 0, 0
    RI      addiu, 0, 1, 1
    RI      addiu, 0, -1, 0xffffffff
    RI      addiu, 5, -7, 0xfffffffe
    RI      addiu, 0x12345678, 32767, 0x1234d677
    RI      addiu, 0x12345678, -32768, 0x1233d678
    RI      addiu, 0x7fff8000, 32767, 0x7fffffff
    RI      addiu, 0x80008000, -32768, 0x80000000
    RI      addiu, 0x7fffffff, 1, 0x80000000
    RI      addiu, 0x80000000, -1, 0x7fffffff

    SWEEP   addu
    SWEEP   subu

    EACH_REGISTER 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
    EACH_REGISTER 17, 18, 19, 20, 21, 24, 25, 26, 27, 28, 29, 30, 31

/* Register 0 is never written. */
    li      $t0, 5
    addu    $zero, $t0, $t0
    CHECK   "addu into $0", $zero, 0
    addiu   $zero, $t0, 7
    CHECK   "addiu into $0", $zero, 0
    addi    $zero, $t0, 7
    CHECK   "addi into $0", $zero, 0

/* Sources are read before the destination is written. */
    li      $t0, 5
    li      $t1, 7
    subu    $t0, $t0, $t1
    CHECK   "subu, rd = rs", $t0, -2
    li      $t0, 5
    subu    $t1, $t0, $t1
    CHECK   "subu, rd = rt", $t1, -2
    subu    $t1, $t1, $t1
    CHECK   "subu, rd = rs = rt", $t1, 0

    END
