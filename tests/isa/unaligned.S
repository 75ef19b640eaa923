/* LWL, LWR, SWL, SWR at every offset into a word: the manual's tables for big-endian. */
#include "memory.inc"

    BEGIN

    LOAD    lwl, -4, 0x89abcdef, 0x00000000
    LOAD    lwl, -3, 0xabcdef00, 0x00000000
    LOAD    lwl, -2, 0xcdef0000, 0x00000000
    LOAD    lwl, -1, 0xef000000, 0x00000000
    LOAD    lwl, 0, 0xfedcba98, 0x00000000
    LOAD    lwl, 1, 0xdcba9800, 0x00000000
    LOAD    lwl, 2, 0xba980000, 0x00000000
    LOAD    lwl, 3, 0x98000000, 0x00000000
    LOAD    lwl, -4, 0x89abcdef, 0xa1b2c3d4
    LOAD    lwl, -3, 0xabcdefd4, 0xa1b2c3d4
    LOAD    lwl, -2, 0xcdefc3d4, 0xa1b2c3d4
    LOAD    lwl, -1, 0xefb2c3d4, 0xa1b2c3d4
    LOAD    lwl, 0, 0xfedcba98, 0xa1b2c3d4
    LOAD    lwl, 1, 0xdcba98d4, 0xa1b2c3d4
    LOAD    lwl, 2, 0xba98c3d4, 0xa1b2c3d4
    LOAD    lwl, 3, 0x98b2c3d4, 0xa1b2c3d4
    LOAD    lwl, -4, 0x89abcdef, 0xffffffff
    LOAD    lwl, -3, 0xabcdefff, 0xffffffff
    LOAD    lwl, -2, 0xcdefffff, 0xffffffff
    LOAD    lwl, -1, 0xefffffff, 0xffffffff
    LOAD    lwl, 0, 0xfedcba98, 0xffffffff
    LOAD    lwl, 1, 0xdcba98ff, 0xffffffff
    LOAD    lwl, 2, 0xba98ffff, 0xffffffff
    LOAD    lwl, 3, 0x98ffffff, 0xffffffff

    LOAD    lwr, -4, 0x00000089, 0x00000000
    LOAD    lwr, -3, 0x000089ab, 0x00000000
    LOAD    lwr, -2, 0x0089abcd, 0x00000000
    LOAD    lwr, -1, 0x89abcdef, 0x00000000
    LOAD    lwr, 0, 0x000000fe, 0x00000000
    LOAD    lwr, 1, 0x0000fedc, 0x00000000
    LOAD    lwr, 2, 0x00fedcba, 0x00000000
    LOAD    lwr, 3, 0xfedcba98, 0x00000000
    LOAD    lwr, -4, 0xa1b2c389, 0xa1b2c3d4
    LOAD    lwr, -3, 0xa1b289ab, 0xa1b2c3d4
    LOAD    lwr, -2, 0xa189abcd, 0xa1b2c3d4
    LOAD    lwr, -1, 0x89abcdef, 0xa1b2c3d4
    LOAD    lwr, 0, 0xa1b2c3fe, 0xa1b2c3d4
    LOAD    lwr, 1, 0xa1b2fedc, 0xa1b2c3d4
    LOAD    lwr, 2, 0xa1fedcba, 0xa1b2c3d4
    LOAD    lwr, 3, 0xfedcba98, 0xa1b2c3d4
    LOAD    lwr, -4, 0xffffff89, 0xffffffff
    LOAD    lwr, -3, 0xffff89ab, 0xffffffff
    LOAD    lwr, -2, 0xff89abcd, 0xffffffff
    LOAD    lwr, -1, 0x89abcdef, 0xffffffff
    LOAD    lwr, 0, 0xfffffffe, 0xffffffff
    LOAD    lwr, 1, 0xfffffedc, 0xffffffff
    LOAD    lwr, 2, 0xfffedcba, 0xffffffff
    LOAD    lwr, 3, 0xfedcba98, 0xffffffff

    STORE   swl, -4, 0xa1b2c3d4, 0xa1b2c3d4
    STORE   swl, -3, 0xa1b2c3d4, 0x89a1b2c3
    STORE   swl, -2, 0xa1b2c3d4, 0x89aba1b2
    STORE   swl, -1, 0xa1b2c3d4, 0x89abcda1
    STORE   swl, 0, 0xa1b2c3d4, 0xa1b2c3d4
    STORE   swl, 1, 0xa1b2c3d4, 0xfea1b2c3
    STORE   swl, 2, 0xa1b2c3d4, 0xfedca1b2
    STORE   swl, 3, 0xa1b2c3d4, 0xfedcbaa1
    STORE   swl, -4, 0x00000000, 0x00000000
    STORE   swl, -3, 0x00000000, 0x89000000
    STORE   swl, -2, 0x00000000, 0x89ab0000
    STORE   swl, -1, 0x00000000, 0x89abcd00
    STORE   swl, 0, 0x00000000, 0x00000000
    STORE   swl, 1, 0x00000000, 0xfe000000
    STORE   swl, 2, 0x00000000, 0xfedc0000
    STORE   swl, 3, 0x00000000, 0xfedcba00
    STORE   swl, -4, 0xffffffff, 0xffffffff
    STORE   swl, -3, 0xffffffff, 0x89ffffff
    STORE   swl, -2, 0xffffffff, 0x89abffff
    STORE   swl, -1, 0xffffffff, 0x89abcdff
    STORE   swl, 0, 0xffffffff, 0xffffffff
    STORE   swl, 1, 0xffffffff, 0xfeffffff
    STORE   swl, 2, 0xffffffff, 0xfedcffff
    STORE   swl, 3, 0xffffffff, 0xfedcbaff

    STORE   swr, -4, 0xa1b2c3d4, 0xd4abcdef
    STORE   swr, -3, 0xa1b2c3d4, 0xc3d4cdef
    STORE   swr, -2, 0xa1b2c3d4, 0xb2c3d4ef
    STORE   swr, -1, 0xa1b2c3d4, 0xa1b2c3d4
    STORE   swr, 0, 0xa1b2c3d4, 0xd4dcba98
    STORE   swr, 1, 0xa1b2c3d4, 0xc3d4ba98
    STORE   swr, 2, 0xa1b2c3d4, 0xb2c3d498
    STORE   swr, 3, 0xa1b2c3d4, 0xa1b2c3d4
    STORE   swr, -4, 0x00000000, 0x00abcdef
    STORE   swr, -3, 0x00000000, 0x0000cdef
    STORE   swr, -2, 0x00000000, 0x000000ef
    STORE   swr, -1, 0x00000000, 0x00000000
    STORE   swr, 0, 0x00000000, 0x00dcba98
    STORE   swr, 1, 0x00000000, 0x0000ba98
    STORE   swr, 2, 0x00000000, 0x00000098
    STORE   swr, 3, 0x00000000, 0x00000000
    STORE   swr, -4, 0xffffffff, 0xffabcdef
    STORE   swr, -3, 0xffffffff, 0xffffcdef
    STORE   swr, -2, 0xffffffff, 0xffffffef
    STORE   swr, -1, 0xffffffff, 0xffffffff
    STORE   swr, 0, 0xffffffff, 0xffdcba98
    STORE   swr, 1, 0xffffffff, 0xffffba98
    STORE   swr, 2, 0xffffffff, 0xffffff98
    STORE   swr, 3, 0xffffffff, 0xffffffff

/* The pair loads and stores any word. */
    .macro  PAIR offset, want
    FRESH_WINDOW
    lwl     $s0, \offset($t0)
    lwr     $s0, \offset + 3($t0)
    CHECK   "lwl, lwr \offset", $s0, \want
    FRESH_WINDOW
    lwr     $s0, \offset + 3($t0)
    lwl     $s0, \offset($t0)
    CHECK   "lwr, lwl \offset", $s0, \want
    FRESH_WINDOW
    li      $s0, 0xa1b2c3d4
    swl     $s0, \offset($t0)
    swr     $s0, \offset + 3($t0)
    lwl     $s1, \offset($t0)
    lwr     $s1, \offset + 3($t0)
    CHECK   "swl, swr \offset", $s1, 0xa1b2c3d4
    lw      $s0, -8($t0)
    lw      $s1, -4($t0)
    lw      $s2, 0($t0)
    lw      $s3, 4($t0)
    SHOW    "swl, swr \offset: window", $s0, $s1, $s2, $s3
    .endm

    PAIR    -4, 0x89abcdef
    PAIR    -3, 0xabcdeffe
    PAIR    -2, 0xcdeffedc
    PAIR    -1, 0xeffedcba
    PAIR    0, 0xfedcba98
    PAIR    1, 0xdcba9876
    PAIR    2, 0xba987654
    PAIR    3, 0x98765432
    PAIR    4, 0x76543210

/* The base may be the destination. */
    FRESH_WINDOW
    lwl     $t0, 1($t0)
    andi    $t0, $t0, 0xff
    la      $t1, window
    addiu   $t1, $t1, 8
    andi    $t1, $t1, 0xff
    subu    $s0, $t0, $t1
    CHECK   "lwl, rt = base: low byte", $s0, 0
    FRESH_WINDOW
    lwr     $zero, 2($t0)
    CHECK   "lwr into $0", $zero, 0

    END
