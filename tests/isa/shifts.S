/* SLL, SRL, SRA by a constant; SLLV, SRLV, SRAV by the low five bits of a register. */
#include "operations.inc"

    BEGIN

    RI      sll, 1, 0, 1
    RI      sll, 1, 1, 2
    RI      sll, 1, 4, 0x10
    RI      sll, 1, 15, 0x8000
    RI      sll, 1, 16, 0x00010000
    RI      sll, 1, 31, 0x80000000
    RI      sll, 0x80000000, 0, 0x80000000
    RI      sll, 0x80000000, 1, 0
    RI      sll, 0x80000000, 4, 0
    RI      sll, 0x80000000, 15, 0
    RI      sll, 0x80000000, 16, 0
    RI      sll, 0x80000000, 31, 0
    RI      sll, 0x7fffffff, 0, 0x7fffffff
    RI      sll, 0x7fffffff, 1, 0xfffffffe
    RI      sll, 0x7fffffff, 4, 0xfffffff0
    RI      sll, 0x7fffffff, 15, 0xffff8000
    RI      sll, 0x7fffffff, 16, 0xffff0000
    RI      sll, 0x7fffffff, 31, 0x80000000
    RI      sll, 0x89abcdef, 0, 0x89abcdef
    RI      sll, 0x89abcdef, 1, 0x13579bde
    RI      sll, 0x89abcdef, 4, 0x9abcdef0
    RI      sll, 0x89abcdef, 15, 0xe6f78000
    RI      sll, 0x89abcdef, 16, 0xcdef0000
    RI      sll, 0x89abcdef, 31, 0x80000000

    RI      srl, 1, 0, 1
    RI      srl, 1, 1, 0
    RI      srl, 1, 4, 0
    RI      srl, 1, 15, 0
    RI      srl, 1, 16, 0
    RI      srl, 1, 31, 0
    RI      srl, 0x80000000, 0, 0x80000000
    RI      srl, 0x80000000, 1, 0x40000000
    RI      srl, 0x80000000, 4, 0x08000000
    RI      srl, 0x80000000, 15, 0x00010000
    RI      srl, 0x80000000, 16, 0x8000
    RI      srl, 0x80000000, 31, 1
    RI      srl, 0x7fffffff, 0, 0x7fffffff
    RI      srl, 0x7fffffff, 1, 0x3fffffff
    RI      srl, 0x7fffffff, 4, 0x07ffffff
    RI      srl, 0x7fffffff, 15, 0xffff
    RI      srl, 0x7fffffff, 16, 0x7fff
    RI      srl, 0x7fffffff, 31, 0
    RI      srl, 0x89abcdef, 0, 0x89abcdef
    RI      srl, 0x89abcdef, 1, 0x44d5e6f7
    RI      srl, 0x89abcdef, 4, 0x089abcde
    RI      srl, 0x89abcdef, 15, 0x00011357
    RI      srl, 0x89abcdef, 16, 0x89ab
    RI      srl, 0x89abcdef, 31, 1

    RI      sra, 1, 0, 1
    RI      sra, 1, 1, 0
    RI      sra, 1, 4, 0
    RI      sra, 1, 15, 0
    RI      sra, 1, 16, 0
    RI      sra, 1, 31, 0
    RI      sra, 0x80000000, 0, 0x80000000
    RI      sra, 0x80000000, 1, 0xc0000000
    RI      sra, 0x80000000, 4, 0xf8000000
    RI      sra, 0x80000000, 15, 0xffff0000
    RI      sra, 0x80000000, 16, 0xffff8000
    RI      sra, 0x80000000, 31, 0xffffffff
    RI      sra, 0x7fffffff, 0, 0x7fffffff
    RI      sra, 0x7fffffff, 1, 0x3fffffff
    RI      sra, 0x7fffffff, 4, 0x07ffffff
    RI      sra, 0x7fffffff, 15, 0xffff
    RI      sra, 0x7fffffff, 16, 0x7fff
    RI      sra, 0x7fffffff, 31, 0
    RI      sra, 0x89abcdef, 0, 0x89abcdef
    RI      sra, 0x89abcdef, 1, 0xc4d5e6f7
    RI      sra, 0x89abcdef, 4, 0xf89abcde
    RI      sra, 0x89abcdef, 15, 0xffff1357
    RI      sra, 0x89abcdef, 16, 0xffff89ab
    RI      sra, 0x89abcdef, 31, 0xffffffff

    RR      sllv, 0x89abcdef, 0, 0x89abcdef
    RR      sllv, 0x89abcdef, 1, 0x13579bde
    RR      sllv, 0x89abcdef, 8, 0xabcdef00
    RR      sllv, 0x89abcdef, 0x1f, 0x80000000
    RR      sllv, 0x89abcdef, 0x20, 0x89abcdef
    RR      sllv, 0x89abcdef, 0x21, 0x13579bde
    RR      sllv, 0x89abcdef, 0x80000004, 0x9abcdef0
    RR      sllv, 0x89abcdef, 0xffffffff, 0x80000000
    RR      sllv, 0x7fffffff, 0x1f, 0x80000000
    RR      sllv, 0x80000000, 0x1f, 0

    RR      srlv, 0x89abcdef, 0, 0x89abcdef
    RR      srlv, 0x89abcdef, 1, 0x44d5e6f7
    RR      srlv, 0x89abcdef, 8, 0x0089abcd
    RR      srlv, 0x89abcdef, 0x1f, 1
    RR      srlv, 0x89abcdef, 0x20, 0x89abcdef
    RR      srlv, 0x89abcdef, 0x21, 0x44d5e6f7
    RR      srlv, 0x89abcdef, 0x80000004, 0x089abcde
    RR      srlv, 0x89abcdef, 0xffffffff, 1
    RR      srlv, 0x7fffffff, 0x1f, 0
    RR      srlv, 0x80000000, 0x1f, 1

    RR      srav, 0x89abcdef, 0, 0x89abcdef
    RR      srav, 0x89abcdef, 1, 0xc4d5e6f7
    RR      srav, 0x89abcdef, 8, 0xff89abcd
    RR      srav, 0x89abcdef, 0x1f, 0xffffffff
    RR      srav, 0x89abcdef, 0x20, 0x89abcdef
    RR      srav, 0x89abcdef, 0x21, 0xc4d5e6f7
    RR      srav, 0x89abcdef, 0x80000004, 0xf89abcde
    RR      srav, 0x89abcdef, 0xffffffff, 0xffffffff
    RR      srav, 0x7fffffff, 0x1f, 0
    RR      srav, 0x80000000, 0x1f, 0xffffffff

    SWEEP   sllv
    SWEEP   srlv
    SWEEP   srav

/* The amount may be in the register that is written. */
    li      $t0, 0x89abcdef
    li      $t1, 4
    sllv    $t1, $t0, $t1
    CHECK   "sllv, rd = rs", $t1, 0x9abcdef0
    li      $t1, 4
    srav    $t0, $t0, $t1
    CHECK   "srav, rd = rt", $t0, 0xf89abcde

    END
