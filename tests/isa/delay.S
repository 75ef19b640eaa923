/* Delay slots: what they see, what they cannot change any more, and where they can lie. */
#include "report.inc"

    BEGIN

/* The condition and the target are taken before the slot. */
    li      $t0, 1
    li      $s0, 0
    bnez    $t0, 1f
    li      $t0, 0
    li      $s0, 1
1:  CHECK   "slot clears the condition", $s0, 0
    CHECK   "the slot's effect", $t0, 0

    la      $t0, 1f
    li      $s0, 0
    jr      $t0
    li      $t0, 0
    li      $s0, 1
1:  CHECK   "slot clears the target", $s0, 0

/* The link is there already. */
    bal     1f
    move    $s0, $ra
1:  subu    $s0, $s0, $ra
    CHECK   "slot reads the link", $s0, 0
    bal     1f
    li      $ra, 5
1:  CHECK   "slot overwrites the link", $ra, 5
    jal     1f
    addiu   $ra, $ra, 12
1:  la      $s0, 1b
    subu    $s0, $ra, $s0
    CHECK   "slot moves the link", $s0, 12

/* The manual leaves open what these see; docs/vm.md does not: operands are read before the link. */
    li      $ra, -1
    li      $s0, 0
    bltzal  $ra, 1f
    nop
    li      $s0, 1
1:  CHECK   "bltzal of $ra", $s0, 0
    la      $ra, 1f
    li      $s0, 0
    jalr    $ra, $ra
    nop
    li      $s0, 1
1:  CHECK   "jalr to $ra through $ra", $s0, 0

/* Every kind of instruction works in a slot. */
    la      $t0, words
    b       1f
    lw      $s0, 0($t0)
1:  CHECK   "lw in a slot", $s0, 0x11111111
    b       1f
    sw      $zero, 4($t0)
1:  lw      $s0, 4($t0)
    CHECK   "sw in a slot", $s0, 0
    la      $t0, words
    li      $s0, STALE
    b       1f
    lwl     $s0, 1($t0)
1:  CHECK   "lwl in a slot", $s0, 0x1111115a
    li      $t1, 0x10000
    b       1f
    mult    $t1, $t1
1:  mfhi    $s0
    CHECK   "mult in a slot", $s0, 1
    li      $t1, 7
    b       1f
    movn    $s0, $t1, $t1
1:  CHECK   "movn in a slot", $s0, 7
    b       1f
    teq     $zero, $t1
1:  CHECK   "teq in a slot", $t1, 7

    .balign 4
    la      $t0, words
    ll      $t1, 8($t0)
    li      $s0, 9
    b       1f
    sc      $s0, 8($t0)
1:  lw      $s1, 8($t0)
    CHECK   "sc in a slot", $s0, 1
    CHECK   "sc in a slot: word", $s1, 9

/* A branch to its own slot executes it twice. */
    li      $s0, 0
    b       1f
1:  addiu   $s0, $s0, 1
    CHECK   "branch to the slot", $s0, 2

/* Loops of two instructions. */
    li      $s0, 1000
    li      $s1, 0
1:  bnez    $s0, 1b
    addiu   $s0, $s0, -1
    CHECK   "loop with its counter in the slot", $s0, -1

/* The branch in the last word of a page, its slot in the first of the next. */
    .macro AT_PAGE_END name, want, instruction:vararg
    li      $s0, 0
    li      $t0, 1
    la      $t1, target\@
    la      $t2, branch\@
    jr      $t2
    nop
    .balign 4096
    .space  4096 - 4
branch\@:
    \instruction, target\@
    ori     $s0, $s0, 1
    ori     $s0, $s0, 2
target\@:
    ori     $s0, $s0, 4
    CHECK   "\name at the end of a page", $s0, \want
    .endm

    AT_PAGE_END "beq taken", 5, beq $zero, $zero
    AT_PAGE_END "bne not taken", 7, bne $zero, $zero
    AT_PAGE_END "bnel taken", 5, bnel $t0, $zero
    AT_PAGE_END "beql not taken", 6, beql $t0, $zero
    AT_PAGE_END "bgezal taken", 5, bgezal $t0

/* Jumps, and a page that begins with a target. */
    .macro JUMP_AT_PAGE_END name, instruction:vararg
    li      $s0, 0
    la      $t1, target\@
    la      $t2, jump\@
    jr      $t2
    nop
    .balign 4096
    .space  4096 - 4
jump\@:
    \instruction
    ori     $s0, $s0, 1
    ori     $s0, $s0, 2
    .balign 4096
target\@:
    ori     $s0, $s0, 4
    CHECK   "\name at the end of a page", $s0, 5
    .endm

    JUMP_AT_PAGE_END "jr", jr $t1
    JUMP_AT_PAGE_END "jalr", jalr $t5, $t1

/* Nothing but straight code across a page's end. */
    li      $s0, 0
    la      $t2, straight
    jr      $t2
    nop
    .balign 4096
    .space  4096 - 8
straight:
    addiu   $s0, $s0, 1
    addiu   $s0, $s0, 2
    addiu   $s0, $s0, 4
    addiu   $s0, $s0, 8
    CHECK   "straight across pages", $s0, 15

    END

    .data
    .balign 4
words:
    .word   0x11111111, 0x22222222, 0x33333333
