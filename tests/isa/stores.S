/* SB, SH, SW: nothing but the bytes stored to changes. */
#include "memory.inc"

    BEGIN

    STORE   sb, -4, 0xa1b2c3d4, 0xd4abcdef
    STORE   sb, -3, 0xa1b2c3d4, 0x89d4cdef
    STORE   sb, -2, 0xa1b2c3d4, 0x89abd4ef
    STORE   sb, -1, 0xa1b2c3d4, 0x89abcdd4
    STORE   sb, 0, 0xa1b2c3d4, 0xd4dcba98
    STORE   sb, 1, 0xa1b2c3d4, 0xfed4ba98
    STORE   sb, 2, 0xa1b2c3d4, 0xfedcd498
    STORE   sb, 3, 0xa1b2c3d4, 0xfedcbad4

    STORE   sh, -4, 0xa1b2c3d4, 0xc3d4cdef
    STORE   sh, -2, 0xa1b2c3d4, 0x89abc3d4
    STORE   sh, 0, 0xa1b2c3d4, 0xc3d4ba98
    STORE   sh, 2, 0xa1b2c3d4, 0xfedcc3d4

    STORE   sw, -4, 0xa1b2c3d4, 0xa1b2c3d4
    STORE   sw, 0, 0xa1b2c3d4, 0xa1b2c3d4
    STORE   sw, -4, 0x00000000, 0x00000000
    STORE   sw, 0, 0x00000000, 0x00000000
    STORE   sw, -4, 0xffffffff, 0xffffffff
    STORE   sw, 0, 0xffffffff, 0xffffffff

/* What is stored can be the base. */
    la      $t0, window
    sw      $t0, 4($t0)
    lw      $s0, 4($t0)
    subu    $s0, $s0, $t0
    CHECK   "sw, rt = base", $s0, 0
    sw      $zero, 4($t0)
    lw      $s0, 4($t0)
    CHECK   "sw of $0", $s0, 0

    END
