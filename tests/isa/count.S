/* CLZ, CLO, and the conditional moves MOVZ, MOVN. */
#include "operations.inc"

    BEGIN

    UNARY   clz, 0, 0x20
    UNARY   clz, 1, 0x1f
    UNARY   clz, 2, 0x1e
    UNARY   clz, 0xff, 0x18
    UNARY   clz, 0x100, 0x17
    UNARY   clz, 0x7fff, 0x11
    UNARY   clz, 0x8000, 0x10
    UNARY   clz, 0x00010000, 0xf
    UNARY   clz, 0x7fffffff, 1
    UNARY   clz, 0x80000000, 0
    UNARY   clz, 0xc0000000, 0
    UNARY   clz, 0xffff0000, 0
    UNARY   clz, 0xfffffffe, 0
    UNARY   clz, 0xffffffff, 0

    UNARY   clo, 0, 0
    UNARY   clo, 1, 0
    UNARY   clo, 2, 0
    UNARY   clo, 0xff, 0
    UNARY   clo, 0x100, 0
    UNARY   clo, 0x7fff, 0
    UNARY   clo, 0x8000, 0
    UNARY   clo, 0x00010000, 0
    UNARY   clo, 0x7fffffff, 0
    UNARY   clo, 0x80000000, 1
    UNARY   clo, 0xc0000000, 2
    UNARY   clo, 0xffff0000, 0x10
    UNARY   clo, 0xfffffffe, 0x1f
    UNARY   clo, 0xffffffff, 0x20

    .macro  EACH_BIT numbers:vararg
    .irp    number, \numbers
    UNARY   clz, 1 << \number, 31 - \number
    UNARY   clo, ~(1 << \number), 31 - \number
    .endr
    .endm

    EACH_BIT 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    EACH_BIT 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31

    li      $t0, 0x00100000
    clz     $t0, $t0
    CHECK   "clz, rd = rs", $t0, 11
    clo     $zero, $t0
    CHECK   "clo into $0", $zero, 0

    RR      movz, 0x12345678, 0, 0x12345678
    RR      movz, 0x12345678, 1, STALE
    RR      movz, 0x12345678, 0x80000000, STALE
    RR      movz, 0, 0, 0
    RR      movn, 0x12345678, 0, STALE
    RR      movn, 0x12345678, 1, 0x12345678
    RR      movn, 0x12345678, 0x80000000, 0x12345678
    RR      movn, 0, 0xffffffff, 0

    SWEEP   movz
    SWEEP   movn

    li      $t0, 7
    movz    $zero, $t0, $zero
    CHECK   "movz into $0", $zero, 0
    li      $t1, 1
    movn    $t1, $t0, $t1
    CHECK   "movn, rd = rt", $t1, 7

    END
