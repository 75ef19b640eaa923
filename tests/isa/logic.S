/* AND, OR, XOR, NOR, and the immediates, which are not sign-extended; LUI. */
#include "operations.inc"

    .macro UPPER immediate, want
    li      $t2, STALE
    lui     $t2, \immediate
    CHECK   "lui \immediate", $t2, \want
    .endm

    BEGIN

    RR      and, 0, 0, 0
    RR      and, 0xffffffff, 0, 0
    RR      and, 0xffffffff, 0xffffffff, 0xffffffff
    RR      and, 0xf0f0f0f0, 0xff00ff00, 0xf000f000
    RR      and, 0x12345678, 0x87654321, 0x02244220
    RR      and, 0x80000000, 1, 0
    RR      and, 0xffff, 0xffff0000, 0

    RR      or, 0, 0, 0
    RR      or, 0xffffffff, 0, 0xffffffff
    RR      or, 0xffffffff, 0xffffffff, 0xffffffff
    RR      or, 0xf0f0f0f0, 0xff00ff00, 0xfff0fff0
    RR      or, 0x12345678, 0x87654321, 0x97755779
    RR      or, 0x80000000, 1, 0x80000001
    RR      or, 0xffff, 0xffff0000, 0xffffffff

    RR      xor, 0, 0, 0
    RR      xor, 0xffffffff, 0, 0xffffffff
    RR      xor, 0xffffffff, 0xffffffff, 0
    RR      xor, 0xf0f0f0f0, 0xff00ff00, 0x0ff00ff0
    RR      xor, 0x12345678, 0x87654321, 0x95511559
    RR      xor, 0x80000000, 1, 0x80000001
    RR      xor, 0xffff, 0xffff0000, 0xffffffff

    RR      nor, 0, 0, 0xffffffff
    RR      nor, 0xffffffff, 0, 0
    RR      nor, 0xffffffff, 0xffffffff, 0
    RR      nor, 0xf0f0f0f0, 0xff00ff00, 0x000f000f
    RR      nor, 0x12345678, 0x87654321, 0x688aa886
    RR      nor, 0x80000000, 1, 0x7ffffffe
    RR      nor, 0xffff, 0xffff0000, 0

    RI      andi, 0, 0x0, 0
    RI      andi, 0xffffffff, 0x0, 0
    RI      andi, 0, 0xffff, 0
    RI      andi, 0xffffffff, 0xffff, 0xffff
    RI      andi, 0x12345678, 0x8000, 0
    RI      andi, 0xf0f0f0f0, 0xff00, 0xf000
    RI      andi, 0xffff0000, 0x5555, 0

    RI      ori, 0, 0x0, 0
    RI      ori, 0xffffffff, 0x0, 0xffffffff
    RI      ori, 0, 0xffff, 0xffff
    RI      ori, 0xffffffff, 0xffff, 0xffffffff
    RI      ori, 0x12345678, 0x8000, 0x1234d678
    RI      ori, 0xf0f0f0f0, 0xff00, 0xf0f0fff0
    RI      ori, 0xffff0000, 0x5555, 0xffff5555

    RI      xori, 0, 0x0, 0
    RI      xori, 0xffffffff, 0x0, 0xffffffff
    RI      xori, 0, 0xffff, 0xffff
    RI      xori, 0xffffffff, 0xffff, 0xffff0000
    RI      xori, 0x12345678, 0x8000, 0x1234d678
    RI      xori, 0xf0f0f0f0, 0xff00, 0xf0f00ff0
    RI      xori, 0xffff0000, 0x5555, 0xffff5555

    UPPER   0, 0
    UPPER   1, 0x00010000
    UPPER   0x8000, 0x80000000
    UPPER   0xffff, 0xffff0000

    SWEEP   and
    SWEEP   or
    SWEEP   xor
    SWEEP   nor

    END
