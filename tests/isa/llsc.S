/* LL and SC: a compare-and-swap against the address and the word that LL saw. */
#include "report.inc"

    .data
    .balign 4
cells:
    .word   0, 0
    .text

/* Puts 100 and 200 into two words at $t0, and links the first. */
    .macro LINKED
    la      $t0, cells
    li      $t1, 100
    sw      $t1, 0($t0)
    li      $t1, 200
    sw      $t1, 4($t0)
    ll      $s0, 0($t0)
    .endm

/* Checks what SC made of its register, and what is in memory now. */
    .macro OUTCOME name, register, success, first, second
    move    $s1, \register
    la      $t0, cells
    lw      $s2, 0($t0)
    lw      $s3, 4($t0)
    CHECK   "\name: success", $s1, \success
    CHECK   "\name: first", $s2, \first
    CHECK   "\name: second", $s3, \second
    .endm

    BEGIN

    LINKED
    CHECK   "ll", $s0, 100

    LINKED
    li      $t1, 111
    sc      $t1, 0($t0)
    OUTCOME "sc", $t1, 1, 111, 200

    LINKED
    li      $t1, 111
    sc      $t1, 4($t0)
    OUTCOME "sc elsewhere", $t1, 0, 100, 200

    LINKED
    li      $t2, 5
    sw      $t2, 0($t0)
    li      $t1, 111
    sc      $t1, 0($t0)
    OUTCOME "sc after a store", $t1, 0, 5, 200

    LINKED
    li      $t2, 5
    sb      $t2, 3($t0)
    li      $t1, 111
    sc      $t1, 0($t0)
    OUTCOME "sc after a store of one byte", $t1, 0, 5, 200

/* Compare-and-swap compares: the same word again is no change. */
    LINKED
    sw      $zero, 0($t0)
    sw      $s0, 0($t0)
    li      $t1, 111
    sc      $t1, 0($t0)
    OUTCOME "sc after a change and back", $t1, 1, 111, 200

    LINKED
    li      $t1, 5
    sw      $t1, 4($t0)
    li      $t1, 111
    sc      $t1, 0($t0)
    OUTCOME "sc after a store next to it", $t1, 1, 111, 5

    LINKED
    ll      $t2, 4($t0)
    li      $t1, 111
    sc      $t1, 0($t0)
    OUTCOME "sc at the ll before the last", $t1, 0, 100, 200

    LINKED
    ll      $t2, 4($t0)
    li      $t1, 111
    sc      $t1, 4($t0)
    OUTCOME "sc at the last ll", $t1, 1, 100, 111

    LINKED
    li      $t1, 111
    sc      $t1, 0($t0)
    li      $t1, 222
    sc      $t1, 0($t0)
    OUTCOME "second sc", $t1, 0, 111, 200

    LINKED
    sc      $zero, 0($t0)
    OUTCOME "sc of $0", $zero, 0, 0, 200

    LINKED
    addiu   $t1, $t0, 0
    sc      $t1, 0($t1)
    move    $s1, $t1
    lw      $s2, 0($t0)
    subu    $s2, $s2, $t0
    CHECK   "sc, rt = base: success", $s1, 1
    CHECK   "sc, rt = base: word", $s2, 0

    LINKED
    ll      $zero, 4($t0)
    li      $t1, 111
    sc      $t1, 4($t0)
    OUTCOME "ll into $0", $t1, 1, 100, 111

    LINKED
    addiu   $t0, $t0, 0x100
    li      $t1, 111
    sc      $t1, -0x100($t0)
    OUTCOME "sc by another base", $t1, 1, 111, 200

/* What they are for. */
    LINKED
    li      $s4, 1000
1:  ll      $t1, 4($t0)
    addiu   $t1, $t1, 3
    sc      $t1, 4($t0)
    beqz    $t1, 1b
    nop
    addiu   $s4, $s4, -1
    bnez    $s4, 1b
    nop
    lw      $s5, 4($t0)
    CHECK   "thousand additions", $s5, 3200

    END
