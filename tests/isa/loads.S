/* LB, LBU, LH, LHU, LW: big-endian, sign-extended or not, offsets from -32768 to 32767. */
#include "memory.inc"

    BEGIN

    LOAD    lb, -8, 0x00000001
    LOAD    lb, -7, 0x00000023
    LOAD    lb, -6, 0x00000045
    LOAD    lb, -5, 0x00000067
    LOAD    lb, -4, 0xffffff89
    LOAD    lb, -3, 0xffffffab
    LOAD    lb, -2, 0xffffffcd
    LOAD    lb, -1, 0xffffffef
    LOAD    lb, 0, 0xfffffffe
    LOAD    lb, 1, 0xffffffdc
    LOAD    lb, 2, 0xffffffba
    LOAD    lb, 3, 0xffffff98
    LOAD    lb, 4, 0x00000076
    LOAD    lb, 5, 0x00000054
    LOAD    lb, 6, 0x00000032
    LOAD    lb, 7, 0x00000010

    LOAD    lbu, -8, 0x00000001
    LOAD    lbu, -7, 0x00000023
    LOAD    lbu, -6, 0x00000045
    LOAD    lbu, -5, 0x00000067
    LOAD    lbu, -4, 0x00000089
    LOAD    lbu, -3, 0x000000ab
    LOAD    lbu, -2, 0x000000cd
    LOAD    lbu, -1, 0x000000ef
    LOAD    lbu, 0, 0x000000fe
    LOAD    lbu, 1, 0x000000dc
    LOAD    lbu, 2, 0x000000ba
    LOAD    lbu, 3, 0x00000098
    LOAD    lbu, 4, 0x00000076
    LOAD    lbu, 5, 0x00000054
    LOAD    lbu, 6, 0x00000032
    LOAD    lbu, 7, 0x00000010

    LOAD    lh, -8, 0x00000123
    LOAD    lh, -6, 0x00004567
    LOAD    lh, -4, 0xffff89ab
    LOAD    lh, -2, 0xffffcdef
    LOAD    lh, 0, 0xfffffedc
    LOAD    lh, 2, 0xffffba98
    LOAD    lh, 4, 0x00007654
    LOAD    lh, 6, 0x00003210

    LOAD    lhu, -8, 0x00000123
    LOAD    lhu, -6, 0x00004567
    LOAD    lhu, -4, 0x000089ab
    LOAD    lhu, -2, 0x0000cdef
    LOAD    lhu, 0, 0x0000fedc
    LOAD    lhu, 2, 0x0000ba98
    LOAD    lhu, 4, 0x00007654
    LOAD    lhu, 6, 0x00003210

    LOAD    lw, -8, 0x01234567
    LOAD    lw, -4, 0x89abcdef
    LOAD    lw, 0, 0xfedcba98
    LOAD    lw, 4, 0x76543210

/* The base may be the destination, and the offset is sign-extended. */
    FRESH_WINDOW
    lw      $t0, 4($t0)
    CHECK   "lw, rt = base", $t0, 0x76543210
    FRESH_WINDOW
    li      $t1, 0x8000
    addu    $t0, $t0, $t1
    lw      $t2, -0x8000($t0)
    CHECK   "lw -0x8000", $t2, 0xfedcba98
    FRESH_WINDOW
    addiu   $t0, $t0, -0x7ffc
    lw      $t2, 0x7ffc($t0)
    CHECK   "lw 0x7ffc", $t2, 0xfedcba98

/* Addresses wrap around 2^32. */
    la      $t0, window
    li      $t1, 0xffff8000
    subu    $t0, $t0, $t1
    lw      $t2, -0x8000($t0)
    CHECK   "lw across 2^32", $t2, 0x01234567

/* A load into register 0 is a load all the same, and its result is dropped. */
    la      $t0, window
    lw      $zero, 0($t0)
    CHECK   "lw into $0", $zero, 0
    lb      $zero, 0($t0)
    CHECK   "lb into $0", $zero, 0

    END
