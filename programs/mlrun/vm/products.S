/* products.h on 32-bit MIPS. The sum is in hi and lo: MADD takes one step for a product and adds it
 * up in 64 bits, exactly, whatever the types. With the two loads that is 3 steps for a product, and
 * fewer than tiles of registers need that keep their sums in registers. */

    .set noreorder
    .set noat

#define a       $4
#define b       $5
#define count   $6
#define stride  $7
#define blocks  $8
#define left    $9
#define right   $10

/* `times` products, and on to the next. */
.macro block load, size, times
    .set i, 0
    .rept \times
    lw      left, 4*i(a)
    \load   right, \size*i(b)
    madd    left, right
    .set i, i+1
    .endr
    addiu   a, a, 4*\times
.endm

/* Blocks of 32, then of 4, then one by one. */
.macro define_product name, load, size
    .globl  \name
\name:
    mthi    $0
    mtlo    $0
    srl     blocks, count, 5
    beqz    blocks, 2f
    andi    count, count, 31
1:  block   \load, \size, 32
    addiu   blocks, blocks, -1
    bnez    blocks, 1b
    addiu   b, b, 32*\size
2:  srl     blocks, count, 2
    beqz    blocks, 4f
    andi    count, count, 3
3:  block   \load, \size, 4
    addiu   blocks, blocks, -1
    bnez    blocks, 3b
    addiu   b, b, 4*\size
4:  beqz    count, 6f
    nop
5:  block   \load, \size, 1
    addiu   count, count, -1
    bnez    count, 5b
    addiu   b, b, \size
6:  mfhi    $2
    jr      $31
    mflo    $3
.endm

.macro define_strided_product name, load
    .globl  \name
\name:
    mthi    $0
    mtlo    $0
    beqz    count, 2f
    addu    count, count, b
1:  lw      left, 0(a)
    \load   right, 0(b)
    addiu   b, b, 1
    madd    left, right
    bne     b, count, 1b
    addu    a, a, stride
2:  mfhi    $2
    jr      $31
    mflo    $3
.endm

    .text
    define_product product_i8, lb, 1
    define_product product_u8, lbu, 1
    define_product product_i16, lh, 2
    define_product product_i32, lw, 4
    define_strided_product strided_product_i8, lb
    define_strided_product strided_product_u8, lbu
