/* SLT, SLTU, SLTI, SLTIU: the immediate is sign-extended even where the comparison is unsigned. */
#include "operations.inc"

    BEGIN

    RR      slt, 0, 0, 0
    RR      slt, 1, 2, 1
    RR      slt, 2, 1, 0
    RR      slt, 0, 0xffffffff, 0
    RR      slt, 0xffffffff, 0, 1
    RR      slt, 0xffffffff, 0xffffffff, 0
    RR      slt, 0x7fffffff, 0x80000000, 0
    RR      slt, 0x80000000, 0x7fffffff, 1
    RR      slt, 0x80000000, 0x80000001, 1
    RR      slt, 0xffffffff, 0xfffffffe, 0

    RR      sltu, 0, 0, 0
    RR      sltu, 1, 2, 1
    RR      sltu, 2, 1, 0
    RR      sltu, 0, 0xffffffff, 1
    RR      sltu, 0xffffffff, 0, 0
    RR      sltu, 0xffffffff, 0xffffffff, 0
    RR      sltu, 0x7fffffff, 0x80000000, 1
    RR      sltu, 0x80000000, 0x7fffffff, 0
    RR      sltu, 0x80000000, 0x80000001, 1
    RR      sltu, 0xffffffff, 0xfffffffe, 0

    RI      slti, 0, 0, 0
    RI      slti, 0, 1, 1
    RI      slti, 1, 0, 0
    RI      slti, 0, -1, 0
    RI      slti, 0xffffffff, 0, 1
    RI      slti, 0xffffffff, -1, 0
    RI      slti, 0xfffffffe, -1, 1
    RI      slti, 0x80000000, 32767, 1
    RI      slti, 0x7fffffff, -32768, 0
    RI      slti, 0x7ffe, 32767, 1
    RI      slti, 0x7fff, 32767, 0
    RI      slti, 0xffff7fff, -32768, 1
    RI      slti, 0xffff8000, -32768, 0
    RI      slti, 0xffff8001, -32768, 0

    RI      sltiu, 0, 0, 0
    RI      sltiu, 0, 1, 1
    RI      sltiu, 1, 0, 0
    RI      sltiu, 0, -1, 1
    RI      sltiu, 0xffffffff, 0, 0
    RI      sltiu, 0xffffffff, -1, 0
    RI      sltiu, 0xfffffffe, -1, 1
    RI      sltiu, 0x80000000, 32767, 0
    RI      sltiu, 0x7fffffff, -32768, 1
    RI      sltiu, 0x7ffe, 32767, 1
    RI      sltiu, 0x7fff, 32767, 0
    RI      sltiu, 0xffff7fff, -32768, 1
    RI      sltiu, 0xffff8000, -32768, 0
    RI      sltiu, 0xffff8001, -32768, 0

    SWEEP   slt
    SWEEP   sltu

    END
