/* Traps whose condition does not hold, and the instructions that do nothing: SYNC, PREF, NOP.
 * Traps that fire: signals.S. */
#include "operations.inc"

/* op rs, rt */
    .macro QUIET op, a, b
    li      $t0, \a
    li      $t1, \b
    \op     $t0, $t1
    CHECK   "\op \a, \b", $t1, \b
    .endm

/* op rs, immediate */
    .macro QUIET_IMMEDIATE op, a, immediate
    li      $t0, \a
    \op     $t0, \immediate
    CHECK   "\op \a, \immediate", $t0, \a
    .endm

    BEGIN

    QUIET   tge, -1, 0
    QUIET   tge, 0x80000000, 0x7fffffff
    QUIET   tgeu, 0, 1
    QUIET   tgeu, 0x7fffffff, 0x80000000
    QUIET   tlt, 0, 0
    QUIET   tlt, 1, -1
    QUIET   tltu, 0, 0
    QUIET   tltu, -1, 1
    QUIET   teq, 0, 1
    QUIET   teq, 0x80000000, 0
    QUIET   tne, 0, 0
    QUIET   tne, -1, -1

    QUIET_IMMEDIATE tgei, -1, 0
    QUIET_IMMEDIATE tgei, 0x80000000, -0x8000
    QUIET_IMMEDIATE tgeiu, 0, 1
    QUIET_IMMEDIATE tgeiu, 0x7fffffff, -1
    QUIET_IMMEDIATE tlti, 0, 0
    QUIET_IMMEDIATE tlti, 0, -1
    QUIET_IMMEDIATE tltiu, 0, 0
    QUIET_IMMEDIATE tltiu, -1, -1
    QUIET_IMMEDIATE teqi, 0xffff, -1
    QUIET_IMMEDIATE teqi, 5, 4
    QUIET_IMMEDIATE tnei, -1, -1
    QUIET_IMMEDIATE tnei, 5, 5

/* The code field is for whoever handles the trap. */
    li      $t0, 1
    teq     $zero, $t0, 1023
    CHECK   "teq with a code", $t0, 1

    li      $s0, 0x12345678
    sync
    pref    0, 0($zero)
    pref    31, -1($s0)
    nop
    CHECK   "sync, pref, nop", $s0, 0x12345678

    END
