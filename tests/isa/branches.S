/* The branches, likely ones included, and the jumps: taken and not, and what they link. */
#include "report.inc"

/* A path is the sum of 1 for the delay slot, 2 for what follows it, 4 for the target. */
#define TAKEN 5
#define PASSED 7
/* A likely branch that is not taken nullifies its delay slot. */
#define NULLIFIED 6

/* What follows a branch to `target\@`; leaves the path in $s0. */
    .macro PATH suffix
    ori     $s0, $s0, 1
    ori     $s0, $s0, 2
target\suffix:
    ori     $s0, $s0, 4
    .endm

/* op rs, rt, target */
    .macro BRANCH2 op, a, b, path
    li      $t0, \a
    li      $t1, \b
    li      $s0, 0
    \op     $t0, $t1, target\@
    PATH    \@
    CHECK   "\op \a, \b", $s0, \path
    .endm

/* op rs, target */
    .macro BRANCH1 op, a, path
    li      $t0, \a
    li      $s0, 0
    \op     $t0, target\@
    PATH    \@
    CHECK   "\op \a", $s0, \path
    .endm

/* The same for a branch that links, which it does whether it is taken or not. */
    .macro BRANCH_LINK op, a, path
    li      $t0, \a
    li      $s0, 0
    la      $s1, branch\@
    li      $ra, STALE
branch\@:
    \op     $t0, target\@
    PATH    \@
    subu    $s1, $ra, $s1
    CHECK   "\op \a", $s0, \path
    CHECK   "\op \a: link", $s1, 8
    .endm

    BEGIN

    BRANCH2 beq, 5, 5, TAKEN
    BRANCH2 beq, 5, 6, PASSED
    BRANCH2 beq, 0x80000000, 0, PASSED
    BRANCH2 beq, -1, 0xffffffff, TAKEN
    BRANCH2 bne, 5, 5, PASSED
    BRANCH2 bne, 5, 6, TAKEN
    BRANCH2 bne, 0x80000000, 0, TAKEN
    BRANCH2 bne, -1, 0xffffffff, PASSED
    BRANCH2 beql, 5, 5, TAKEN
    BRANCH2 beql, 5, 6, NULLIFIED
    BRANCH2 beql, 0x80000000, 0, NULLIFIED
    BRANCH2 beql, -1, 0xffffffff, TAKEN
    BRANCH2 bnel, 5, 5, NULLIFIED
    BRANCH2 bnel, 5, 6, TAKEN
    BRANCH2 bnel, 0x80000000, 0, TAKEN
    BRANCH2 bnel, -1, 0xffffffff, NULLIFIED

    BRANCH1 blez, -1, TAKEN
    BRANCH1 blez, 0, TAKEN
    BRANCH1 blez, 1, PASSED
    BRANCH1 blez, 0x7fffffff, PASSED
    BRANCH1 blez, 0x80000000, TAKEN
    BRANCH1 blezl, -1, TAKEN
    BRANCH1 blezl, 0, TAKEN
    BRANCH1 blezl, 1, NULLIFIED
    BRANCH1 blezl, 0x7fffffff, NULLIFIED
    BRANCH1 blezl, 0x80000000, TAKEN
    BRANCH1 bgtz, -1, PASSED
    BRANCH1 bgtz, 0, PASSED
    BRANCH1 bgtz, 1, TAKEN
    BRANCH1 bgtz, 0x7fffffff, TAKEN
    BRANCH1 bgtz, 0x80000000, PASSED
    BRANCH1 bgtzl, -1, NULLIFIED
    BRANCH1 bgtzl, 0, NULLIFIED
    BRANCH1 bgtzl, 1, TAKEN
    BRANCH1 bgtzl, 0x7fffffff, TAKEN
    BRANCH1 bgtzl, 0x80000000, NULLIFIED
    BRANCH1 bltz, -1, TAKEN
    BRANCH1 bltz, 0, PASSED
    BRANCH1 bltz, 1, PASSED
    BRANCH1 bltz, 0x7fffffff, PASSED
    BRANCH1 bltz, 0x80000000, TAKEN
    BRANCH1 bltzl, -1, TAKEN
    BRANCH1 bltzl, 0, NULLIFIED
    BRANCH1 bltzl, 1, NULLIFIED
    BRANCH1 bltzl, 0x7fffffff, NULLIFIED
    BRANCH1 bltzl, 0x80000000, TAKEN
    BRANCH1 bgez, -1, PASSED
    BRANCH1 bgez, 0, TAKEN
    BRANCH1 bgez, 1, TAKEN
    BRANCH1 bgez, 0x7fffffff, TAKEN
    BRANCH1 bgez, 0x80000000, PASSED
    BRANCH1 bgezl, -1, NULLIFIED
    BRANCH1 bgezl, 0, TAKEN
    BRANCH1 bgezl, 1, TAKEN
    BRANCH1 bgezl, 0x7fffffff, TAKEN
    BRANCH1 bgezl, 0x80000000, NULLIFIED
    BRANCH_LINK bltzal, -1, TAKEN
    BRANCH_LINK bltzal, 0, PASSED
    BRANCH_LINK bltzal, 1, PASSED
    BRANCH_LINK bltzal, 0x7fffffff, PASSED
    BRANCH_LINK bltzal, 0x80000000, TAKEN
    BRANCH_LINK bltzall, -1, TAKEN
    BRANCH_LINK bltzall, 0, NULLIFIED
    BRANCH_LINK bltzall, 1, NULLIFIED
    BRANCH_LINK bltzall, 0x7fffffff, NULLIFIED
    BRANCH_LINK bltzall, 0x80000000, TAKEN
    BRANCH_LINK bgezal, -1, PASSED
    BRANCH_LINK bgezal, 0, TAKEN
    BRANCH_LINK bgezal, 1, TAKEN
    BRANCH_LINK bgezal, 0x7fffffff, TAKEN
    BRANCH_LINK bgezal, 0x80000000, PASSED
    BRANCH_LINK bgezall, -1, NULLIFIED
    BRANCH_LINK bgezall, 0, TAKEN
    BRANCH_LINK bgezall, 1, TAKEN
    BRANCH_LINK bgezall, 0x7fffffff, TAKEN
    BRANCH_LINK bgezall, 0x80000000, NULLIFIED

/* In the other direction. */
    .macro BACKWARD op, count, rounds
    li      $t0, \count
    li      $s0, 0
back\@:
    addiu   $t0, $t0, -1
    \op     $t0, back\@
    addiu   $s0, $s0, 1
    CHECK   "\op backward", $s0, \rounds
    .endm

    BACKWARD bgtz, 10, 10
    BACKWARD bgez, 10, 11
/* The last delay slot is nullified. */
    BACKWARD bgtzl, 10, 9
    BACKWARD bgezl, 10, 10

/* The farthest branches reach 32767 words ahead of the delay slot and 32768 back. */
    li      $s0, 0
    b       far_ahead
    ori     $s0, $s0, 1
far_back:
    j       far_done
    ori     $s0, $s0, 4
    .space  4 * (0x8000 - 4)
far_ahead:
    nop
    beq     $zero, $zero, far_back
    ori     $s0, $s0, 2
far_done:
    CHECK   "far branches", $s0, 7

    li      $s0, 0
    j       1f
    PATH    _j
1:  CHECK   "j", $s0, 1

    li      $s0, 0
    la      $s1, jal_here
jal_here:
    jal     target_jal
    PATH    _jal
    subu    $s1, $ra, $s1
    CHECK   "jal", $s0, TAKEN
    CHECK   "jal: link", $s1, 8

    li      $s0, 0
    la      $t0, target_jr
    jr      $t0
    PATH    _jr
    CHECK   "jr", $s0, TAKEN

    li      $s0, 0
    la      $t0, target_jalr
    la      $s1, jalr_here
jalr_here:
    jalr    $t0
    PATH    _jalr
    subu    $s1, $ra, $s1
    CHECK   "jalr", $s0, TAKEN
    CHECK   "jalr: link", $s1, 8

/* Any register can take the link, register 0 for none. */
    li      $s0, 0
    la      $t0, target_jalr_t5
    la      $s1, jalr_t5_here
jalr_t5_here:
    jalr    $t5, $t0
    PATH    _jalr_t5
    subu    $s1, $t5, $s1
    CHECK   "jalr to $t5", $s0, TAKEN
    CHECK   "jalr to $t5: link", $s1, 8
    la      $t0, target_jalr_zero
    jalr    $zero, $t0
    PATH    _jalr_zero
    CHECK   "jalr to $0: link", $zero, 0

    END
