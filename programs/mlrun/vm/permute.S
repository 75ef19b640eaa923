/* Keccak-f[1600] (FIPS 202, 3.3) for 32-bit MIPS: about 530 instructions a round.
 *
 * A lane is two words, the low one first. The state is read from one block of memory and written to
 * another, row by row: ten registers hold the row, ten the sums that theta adds to the columns. The
 * sums of the next round begin with the last row, which is still in registers, so the two sets of
 * ten change their parts with every round.
 *
 * Chi is a ^ (~b & c). Kept complemented, six of the lanes save most of the complements: or takes
 * the place of and (the Keccak team's "lane complementing"). Lanes 1, 2, 8, 12, 17 and 20 enter and
 * leave complemented; keccak.c sees to that. */

    .set noreorder
    .set noat

#define state $4
#define constant $30
#define last_constant $31

/* The other block, behind the state. */
#define OTHER 200

/* (high, low) gets what four rows of a column add up to; it holds the fifth. */
.macro add_rows low, high, at
    lw      $1, \at(state)
    lw      $2, \at+4(state)
    lw      $3, \at+40(state)
    lw      $25, \at+44(state)
    xor     \low, \low, $1
    xor     \high, \high, $2
    xor     \low, \low, $3
    xor     \high, \high, $25
    lw      $1, \at+80(state)
    lw      $2, \at+84(state)
    lw      $3, \at+120(state)
    lw      $25, \at+124(state)
    xor     \low, \low, $1
    xor     \high, \high, $2
    xor     \low, \low, $3
    xor     \high, \high, $25
.endm

/* sum = left ^ right rotated by 1: what theta adds to the column between the two. */
.macro neighbours sum_low, sum_high, left_low, left_high, right_low, right_high
    sll     $1, \right_low, 1
    srl     $2, \right_high, 31
    or      $1, $1, $2
    xor     \sum_low, \left_low, $1
    sll     $1, \right_high, 1
    srl     $2, \right_low, 31
    or      $1, $1, $2
    xor     \sum_high, \left_high, $1
.endm

/* Theta, rho and pi for one lane: to = (the lane at `at` ^ sum) rotated by n, 1 to 31. */
.macro lane to_low, to_high, sum_low, sum_high, at, n
    lw      $1, \at(state)
    lw      $2, \at+4(state)
    xor     $1, $1, \sum_low
    xor     $2, $2, \sum_high
    sll     \to_low, $1, \n
    srl     $3, $2, 32-\n
    or      \to_low, \to_low, $3
    sll     \to_high, $2, \n
    srl     $3, $1, 32-\n
    or      \to_high, \to_high, $3
.endm

.macro lane_not_rotated to_low, to_high, sum_low, sum_high, at
    lw      \to_low, \at(state)
    lw      \to_high, \at+4(state)
    xor     \to_low, \to_low, \sum_low
    xor     \to_high, \to_high, \sum_high
.endm

/* One word of chi: e = a ^ (b op c), stored. */
.macro chi operation, e, a, b, c, at
    \operation \e, \b, \c
    xor     \e, \e, \a
    sw      \e, \at(state)
.endm

/* The same with b complemented. */
.macro chi_not operation, e, a, b, c, at
    nor     \e, \b, $0
    \operation \e, \e, \c
    xor     \e, \e, \a
    sw      \e, \at(state)
.endm

/* The rows of chi, for low or high words; b0 to b4 are the row. */
.macro chi_row_0 b0, b1, b2, b3, b4, iota, at
    or      $1, \b1, \b2
    xor     $1, $1, \b0
    xor     $1, $1, \iota
    sw      $1, \at(state)
    chi_not or, $2, \b1, \b2, \b3, \at+8
    chi     and, $1, \b2, \b3, \b4, \at+16
    chi     or, $2, \b3, \b4, \b0, \at+24
    chi     and, $1, \b4, \b0, \b1, \at+32
.endm

.macro chi_row_1 b0, b1, b2, b3, b4, at
    chi     or, $1, \b0, \b1, \b2, \at
    chi     and, $2, \b1, \b2, \b3, \at+8
    chi_not or, $1, \b2, \b4, \b3, \at+16
    chi     or, $2, \b3, \b4, \b0, \at+24
    chi     and, $1, \b4, \b0, \b1, \at+32
.endm

.macro chi_row_2 b0, b1, b2, b3, b4, at
    chi     or, $1, \b0, \b1, \b2, \at
    chi     and, $2, \b1, \b2, \b3, \at+8
    nor     $3, \b3, $0
    chi     and, $1, \b2, $3, \b4, \at+16
    chi     or, $2, $3, \b4, \b0, \at+24
    chi     and, $1, \b4, \b0, \b1, \at+32
.endm

.macro chi_row_3 b0, b1, b2, b3, b4, at
    chi     and, $1, \b0, \b1, \b2, \at
    chi     or, $2, \b1, \b2, \b3, \at+8
    nor     $3, \b3, $0
    chi     or, $1, \b2, $3, \b4, \at+16
    chi     and, $2, $3, \b4, \b0, \at+24
    chi     or, $1, \b4, \b0, \b1, \at+32
.endm

/* The last row stays in registers, e0 to e4, too. */
.macro chi_row_4 b0, b1, b2, b3, b4, e0, e1, e2, e3, e4, at
    nor     $3, \b1, $0
    chi     and, \e0, \b0, $3, \b2, \at
    chi     or, \e1, $3, \b2, \b3, \at+8
    chi     and, \e2, \b2, \b3, \b4, \at+16
    chi     or, \e3, \b3, \b4, \b0, \at+24
    chi     and, \e4, \b4, \b0, \b1, \at+32
.endm

/* A round, from the block at `from` to that at `to`. b0 to b4 hold the last row of the state, then
 * each row in its turn; s0 to s4 hold the sums, and in the end the last row of the new state. */
.macro round from, to, b0l, b0h, b1l, b1h, b2l, b2h, b3l, b3h, b4l, b4h, \
                       s0l, s0h, s1l, s1h, s2l, s2h, s3l, s3h, s4l, s4h
    add_rows \b0l, \b0h, \from
    add_rows \b1l, \b1h, \from+8
    add_rows \b2l, \b2h, \from+16
    add_rows \b3l, \b3h, \from+24
    add_rows \b4l, \b4h, \from+32
    neighbours \s0l, \s0h, \b4l, \b4h, \b1l, \b1h
    neighbours \s1l, \s1h, \b0l, \b0h, \b2l, \b2h
    neighbours \s2l, \s2h, \b1l, \b1h, \b3l, \b3h
    neighbours \s3l, \s3h, \b2l, \b2h, \b4l, \b4h
    neighbours \s4l, \s4h, \b3l, \b3h, \b0l, \b0h

    /* Rotations by 32 and more exchange the two words. */
    lane_not_rotated \b0l, \b0h, \s0l, \s0h, \from
    lane    \b1h, \b1l, \s1l, \s1h, \from+48, 12
    lane    \b2h, \b2l, \s2l, \s2h, \from+96, 11
    lane    \b3l, \b3h, \s3l, \s3h, \from+144, 21
    lane    \b4l, \b4h, \s4l, \s4h, \from+192, 14
    lw      $3, 0(constant)
    lw      $25, 4(constant)
    chi_row_0 \b0l, \b1l, \b2l, \b3l, \b4l, $3, \to
    chi_row_0 \b0h, \b1h, \b2h, \b3h, \b4h, $25, \to+4

    lane    \b0l, \b0h, \s3l, \s3h, \from+24, 28
    lane    \b1l, \b1h, \s4l, \s4h, \from+72, 20
    lane    \b2l, \b2h, \s0l, \s0h, \from+80, 3
    lane    \b3h, \b3l, \s1l, \s1h, \from+128, 13
    lane    \b4h, \b4l, \s2l, \s2h, \from+176, 29
    chi_row_1 \b0l, \b1l, \b2l, \b3l, \b4l, \to+40
    chi_row_1 \b0h, \b1h, \b2h, \b3h, \b4h, \to+44

    lane    \b0l, \b0h, \s1l, \s1h, \from+8, 1
    lane    \b1l, \b1h, \s2l, \s2h, \from+56, 6
    lane    \b2l, \b2h, \s3l, \s3h, \from+104, 25
    lane    \b3l, \b3h, \s4l, \s4h, \from+152, 8
    lane    \b4l, \b4h, \s0l, \s0h, \from+160, 18
    chi_row_2 \b0l, \b1l, \b2l, \b3l, \b4l, \to+80
    chi_row_2 \b0h, \b1h, \b2h, \b3h, \b4h, \to+84

    lane    \b0l, \b0h, \s4l, \s4h, \from+32, 27
    lane    \b1h, \b1l, \s0l, \s0h, \from+40, 4
    lane    \b2l, \b2h, \s1l, \s1h, \from+88, 10
    lane    \b3l, \b3h, \s2l, \s2h, \from+136, 15
    lane    \b4h, \b4l, \s3l, \s3h, \from+184, 24
    chi_row_3 \b0l, \b1l, \b2l, \b3l, \b4l, \to+120
    chi_row_3 \b0h, \b1h, \b2h, \b3h, \b4h, \to+124

    lane    \b0h, \b0l, \s2l, \s2h, \from+16, 30
    lane    \b1h, \b1l, \s3l, \s3h, \from+64, 23
    lane    \b2h, \b2l, \s4l, \s4h, \from+112, 7
    lane    \b3h, \b3l, \s0l, \s0h, \from+120, 9
    lane    \b4l, \b4h, \s1l, \s1h, \from+168, 2
    chi_row_4 \b0l, \b1l, \b2l, \b3l, \b4l, \s0l, \s1l, \s2l, \s3l, \s4l, \to+160
    chi_row_4 \b0h, \b1h, \b2h, \b3h, \b4h, \s0h, \s1h, \s2h, \s3h, \s4h, \to+164
.endm

/* void permute(uint32_t state[100]): the first half is the state. */
    .text
    .globl  permute
permute:
    addiu   $sp, $sp, -40
    sw      $16, 0($sp)
    sw      $17, 4($sp)
    sw      $18, 8($sp)
    sw      $19, 12($sp)
    sw      $20, 16($sp)
    sw      $21, 20($sp)
    sw      $22, 24($sp)
    sw      $23, 28($sp)
    sw      $30, 32($sp)
    sw      $31, 36($sp)
    lui     constant, %hi(round_constants)
    addiu   constant, constant, %lo(round_constants)
    addiu   last_constant, constant, 192
    lw      $5, 160(state)
    lw      $6, 164(state)
    lw      $7, 168(state)
    lw      $8, 172(state)
    lw      $9, 176(state)
    lw      $10, 180(state)
    lw      $11, 184(state)
    lw      $12, 188(state)
    lw      $13, 192(state)
    lw      $14, 196(state)
two_rounds:
    round   0, OTHER, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, \
                      $15, $16, $17, $18, $19, $20, $21, $22, $23, $24
    addiu   constant, constant, 8
    round   OTHER, 0, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, \
                      $5, $6, $7, $8, $9, $10, $11, $12, $13, $14
    addiu   constant, constant, 8
    bne     constant, last_constant, two_rounds
    nop
    lw      $16, 0($sp)
    lw      $17, 4($sp)
    lw      $18, 8($sp)
    lw      $19, 12($sp)
    lw      $20, 16($sp)
    lw      $21, 20($sp)
    lw      $22, 24($sp)
    lw      $23, 28($sp)
    lw      $30, 32($sp)
    lw      $31, 36($sp)
    jr      $31
    addiu   $sp, $sp, 40

/* Low word, high word. */
    .section .rodata
    .balign 8
round_constants:
    .word 0x00000001, 0x00000000, 0x00008082, 0x00000000, 0x0000808a, 0x80000000
    .word 0x80008000, 0x80000000, 0x0000808b, 0x00000000, 0x80000001, 0x00000000
    .word 0x80008081, 0x80000000, 0x00008009, 0x80000000, 0x0000008a, 0x00000000
    .word 0x00000088, 0x00000000, 0x80008009, 0x00000000, 0x8000000a, 0x00000000
    .word 0x8000808b, 0x00000000, 0x0000008b, 0x80000000, 0x00008089, 0x80000000
    .word 0x00008003, 0x80000000, 0x00008002, 0x80000000, 0x00000080, 0x80000000
    .word 0x0000800a, 0x00000000, 0x8000000a, 0x80000000, 0x80008081, 0x80000000
    .word 0x00008080, 0x80000000, 0x80000001, 0x00000000, 0x80008008, 0x80000000
