/* MADD, MADDU, MSUB, MSUBU: 64 bits in HI and LO, modulo 2^64. */
#include "operations.inc"

    BEGIN

    ACC     madd, 0, 0, 2, 3, 0, 6
    ACC     madd, 0, 0xffffffff, 1, 1, 1, 0
    ACC     madd, 0, 0, 0xffffffff, 1, 0xffffffff, 0xffffffff
    ACC     madd, 0, 0, 0xffffffff, 0xffffffff, 0, 1
    ACC     madd, 0xffffffff, 0xffffffff, 1, 1, 0, 0
    ACC     madd, 0, 0, 0x80000000, 0x80000000, 0x40000000, 0
    ACC     madd, 0x7fffffff, 0xffffffff, 1, 1, 0x80000000, 0
    ACC     madd, 0x80000000, 0, 0xffffffff, 1, 0x7fffffff, 0xffffffff
    ACC     madd, 0x12345678, 0x9abcdef0, 0x0fedcba9, 0x87654321, 0x0ab33e34, 0x5d5e5ab9
    ACC     madd, 0, 5, 0, 0xffffffff, 0, 5
    ACC     madd, 0xffffffff, 0, 0x7fffffff, 0x7fffffff, 0x3ffffffe, 1

    ACC     maddu, 0, 0, 2, 3, 0, 6
    ACC     maddu, 0, 0xffffffff, 1, 1, 1, 0
    ACC     maddu, 0, 0, 0xffffffff, 1, 0, 0xffffffff
    ACC     maddu, 0, 0, 0xffffffff, 0xffffffff, 0xfffffffe, 1
    ACC     maddu, 0xffffffff, 0xffffffff, 1, 1, 0, 0
    ACC     maddu, 0, 0, 0x80000000, 0x80000000, 0x40000000, 0
    ACC     maddu, 0x7fffffff, 0xffffffff, 1, 1, 0x80000000, 0
    ACC     maddu, 0x80000000, 0, 0xffffffff, 1, 0x80000000, 0xffffffff
    ACC     maddu, 0x12345678, 0x9abcdef0, 0x0fedcba9, 0x87654321, 0x1aa109dd, 0x5d5e5ab9
    ACC     maddu, 0, 5, 0, 0xffffffff, 0, 5
    ACC     maddu, 0xffffffff, 0, 0x7fffffff, 0x7fffffff, 0x3ffffffe, 1

    ACC     msub, 0, 0, 2, 3, 0xffffffff, 0xfffffffa
    ACC     msub, 0, 0xffffffff, 1, 1, 0, 0xfffffffe
    ACC     msub, 0, 0, 0xffffffff, 1, 0, 1
    ACC     msub, 0, 0, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff
    ACC     msub, 0xffffffff, 0xffffffff, 1, 1, 0xffffffff, 0xfffffffe
    ACC     msub, 0, 0, 0x80000000, 0x80000000, 0xc0000000, 0
    ACC     msub, 0x7fffffff, 0xffffffff, 1, 1, 0x7fffffff, 0xfffffffe
    ACC     msub, 0x80000000, 0, 0xffffffff, 1, 0x80000000, 1
    ACC     msub, 0x12345678, 0x9abcdef0, 0x0fedcba9, 0x87654321, 0x19b56ebc, 0xd81b6327
    ACC     msub, 0, 5, 0, 0xffffffff, 0, 5
    ACC     msub, 0xffffffff, 0, 0x7fffffff, 0x7fffffff, 0xbfffffff, 0xffffffff

    ACC     msubu, 0, 0, 2, 3, 0xffffffff, 0xfffffffa
    ACC     msubu, 0, 0xffffffff, 1, 1, 0, 0xfffffffe
    ACC     msubu, 0, 0, 0xffffffff, 1, 0xffffffff, 1
    ACC     msubu, 0, 0, 0xffffffff, 0xffffffff, 1, 0xffffffff
    ACC     msubu, 0xffffffff, 0xffffffff, 1, 1, 0xffffffff, 0xfffffffe
    ACC     msubu, 0, 0, 0x80000000, 0x80000000, 0xc0000000, 0
    ACC     msubu, 0x7fffffff, 0xffffffff, 1, 1, 0x7fffffff, 0xfffffffe
    ACC     msubu, 0x80000000, 0, 0xffffffff, 1, 0x7fffffff, 1
    ACC     msubu, 0x12345678, 0x9abcdef0, 0x0fedcba9, 0x87654321, 0x09c7a313, 0xd81b6327
    ACC     msubu, 0, 5, 0, 0xffffffff, 0, 5
    ACC     msubu, 0xffffffff, 0, 0x7fffffff, 0x7fffffff, 0xbfffffff, 0xffffffff

    SWEEP_HILO madd
    SWEEP_HILO maddu
    SWEEP_HILO msub
    SWEEP_HILO msubu

/* A carry out of LO reaches HI, again and again. */
    mthi    $zero
    mtlo    $zero
    li      $t0, 0xfedcba98
    li      $t2, 100
1:  maddu   $t0, $t0
    addiu   $t2, $t2, -1
    bnez    $t2, 1b
    nop
    mfhi    $s0
    mflo    $s1
    CHECK   "hundred maddu: hi", $s0, 0x1cf33aee
    CHECK   "hundred maddu: lo", $s1, 0x6d7ac100

    END
