/* MULT, MULTU, DIV, DIVU, MUL, and the moves from and to HI and LO. */
#include "operations.inc"

    BEGIN

    HILO    mult, 0, 0, 0, 0
    HILO    mult, 1, 1, 0, 1
    HILO    mult, 2, 3, 0, 6
    HILO    mult, 0xffffffff, 1, 0xffffffff, 0xffffffff
    HILO    mult, 0xffffffff, 0xffffffff, 0, 1
    HILO    mult, 0x7fffffff, 0x7fffffff, 0x3fffffff, 1
    HILO    mult, 0x80000000, 0x80000000, 0x40000000, 0
    HILO    mult, 0x80000000, 0xffffffff, 0, 0x80000000
    HILO    mult, 0x7fffffff, 0x80000000, 0xc0000000, 0x80000000
    HILO    mult, 0x12345678, 0x9abcdef0, 0xf8cc93d6, 0x242d2080
    HILO    mult, 0x00010000, 0x00010000, 1, 0

    HILO    multu, 0, 0, 0, 0
    HILO    multu, 1, 1, 0, 1
    HILO    multu, 2, 3, 0, 6
    HILO    multu, 0xffffffff, 1, 0, 0xffffffff
    HILO    multu, 0xffffffff, 0xffffffff, 0xfffffffe, 1
    HILO    multu, 0x7fffffff, 0x7fffffff, 0x3fffffff, 1
    HILO    multu, 0x80000000, 0x80000000, 0x40000000, 0
    HILO    multu, 0x80000000, 0xffffffff, 0x7fffffff, 0x80000000
    HILO    multu, 0x7fffffff, 0x80000000, 0x3fffffff, 0x80000000
    HILO    multu, 0x12345678, 0x9abcdef0, 0x0b00ea4e, 0x242d2080
    HILO    multu, 0x00010000, 0x00010000, 1, 0

/* The remainder has the sign of the dividend. */
    HILO    "div $zero,", 0, 1, 0, 0
    HILO    "div $zero,", 7, 2, 1, 3
    HILO    "div $zero,", 7, 0xfffffffe, 1, 0xfffffffd
    HILO    "div $zero,", 0xfffffff9, 2, 0xffffffff, 0xfffffffd
    HILO    "div $zero,", 0xfffffff9, 0xfffffffe, 0xffffffff, 3
    HILO    "div $zero,", 1, 0x7fffffff, 1, 0
    HILO    "div $zero,", 0x7fffffff, 1, 0, 0x7fffffff
    HILO    "div $zero,", 0x80000000, 1, 0, 0x80000000
    HILO    "div $zero,", 0x80000000, 2, 0, 0xc0000000
    HILO    "div $zero,", 0x80000000, 0x80000000, 0, 1
    HILO    "div $zero,", 0x7fffffff, 0x80000000, 0x7fffffff, 0
    HILO    "div $zero,", 0xffffffff, 0xffffffff, 0, 1
    HILO    "div $zero,", 0xffffffff, 1, 0, 0xffffffff
    HILO    "div $zero,", 0x12345678, 0x9abc, 0x2c70, 0x1e1e

    HILO    "divu $zero,", 0, 1, 0, 0
    HILO    "divu $zero,", 7, 2, 1, 3
    HILO    "divu $zero,", 7, 0xfffffffe, 7, 0
    HILO    "divu $zero,", 0xfffffff9, 2, 1, 0x7ffffffc
    HILO    "divu $zero,", 0xfffffff9, 0xfffffffe, 0xfffffff9, 0
    HILO    "divu $zero,", 1, 0x7fffffff, 1, 0
    HILO    "divu $zero,", 0x7fffffff, 1, 0, 0x7fffffff
    HILO    "divu $zero,", 0x80000000, 1, 0, 0x80000000
    HILO    "divu $zero,", 0x80000000, 2, 0, 0x40000000
    HILO    "divu $zero,", 0x80000000, 0x80000000, 0, 1
    HILO    "divu $zero,", 0x7fffffff, 0x80000000, 0x7fffffff, 0
    HILO    "divu $zero,", 0xffffffff, 0xffffffff, 0, 1
    HILO    "divu $zero,", 0xffffffff, 1, 0, 0xffffffff
    HILO    "divu $zero,", 0x12345678, 0x9abc, 0x2c70, 0x1e1e

/* The manual leaves division by zero and -2^31 / -1 open; docs/vm.md does not. */
    HILO    "div $zero,", 0x80000000, 0xffffffff, 0, 0x80000000
    HILO    "div $zero,", 0, 0, 0, 0
    HILO    "div $zero,", 7, 0, 0, 7
    HILO    "div $zero,", 0xfffffff9, 0, 0, 0xfffffff9
    HILO    "div $zero,", 0x80000000, 0, 0, 0x80000000

    HILO    "divu $zero,", 0x80000000, 0xffffffff, 0x80000000, 0
    HILO    "divu $zero,", 0, 0, 0, 0
    HILO    "divu $zero,", 7, 0, 0, 7
    HILO    "divu $zero,", 0xfffffff9, 0, 0, 0xfffffff9
    HILO    "divu $zero,", 0x80000000, 0, 0, 0x80000000

    RR      mul, 0, 0, 0
    RR      mul, 1, 1, 1
    RR      mul, 2, 3, 6
    RR      mul, 0xffffffff, 1, 0xffffffff
    RR      mul, 0xffffffff, 0xffffffff, 1
    RR      mul, 0x7fffffff, 0x7fffffff, 1
    RR      mul, 0x80000000, 0x80000000, 0
    RR      mul, 0x80000000, 0xffffffff, 0x80000000
    RR      mul, 0x7fffffff, 0x80000000, 0x80000000
    RR      mul, 0x12345678, 0x9abcdef0, 0x242d2080
    RR      mul, 0x00010000, 0x00010000, 0

    SWEEP_HILO mult
    SWEEP_HILO multu
    SWEEP_HILO "div $zero,"
    SWEEP_HILO "divu $zero,"
    SWEEP   mul

/* MUL leaves HI and LO as they are; the manual would let it spoil them, docs/vm.md does not. */
    li      $t0, 0x11111111
    mthi    $t0
    li      $t1, 0x22222222
    mtlo    $t1
    mul     $t2, $t0, $t1
    mfhi    $s0
    mflo    $s1
    CHECK   "hi after mul", $s0, 0x11111111
    CHECK   "lo after mul", $s1, 0x22222222

/* HI and LO are registers of their own, and register 0 does not keep them. */
    li      $t0, 0x33333333
    mtlo    $t0
    mfhi    $s0
    CHECK   "hi after mtlo", $s0, 0x11111111
    li      $t0, 0x44444444
    mthi    $t0
    mflo    $s1
    CHECK   "lo after mthi", $s1, 0x33333333
    mfhi    $zero
    CHECK   "mfhi into $0", $zero, 0
    mflo    $zero
    CHECK   "mflo into $0", $zero, 0
    li      $t0, 3
    mul     $zero, $t0, $t0
    CHECK   "mul into $0", $zero, 0

    END
