"""The encodings of the instruction set: names for the numbers that docs/vm.md lists.

Source: MIPS32 Architecture for Programmers, Volume II, tables A-2 to A-7.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

#: Where every exception goes, and where the kernel starts; the kernel has this range to itself.
KERNEL = 0x80000000
#: Fetches, loads and stores below this address fault: null pointers, with offsets.
NULL_GUARD = 0x1000
#: The registers that an exception writes: its cause, and the address to return to.
K0, K1 = 26, 27
#: The registers of a VM call.
V0, V1, A0, A1, A2 = 2, 3, 4, 5, 6
RA = 31
#: The function of a reserved SPECIAL instruction that QEMU executes.
PMON = 0x05
#: Bits 31-24 of the floating-point branches.
FLOAT_BRANCH = 0x45
#: The SPECIAL3 functions that raise RI in both engines: the bit fields of release 2, and RDHWR,
#: which the kernel emulates for thread-local storage.
EXT, INS, RDHWR = 0x00, 0x04, 0x3B


#: The first byte of a preimage key, of the types that the machine knows.
KECCAK_TYPE, SHA256_TYPE = 2, 4


class Op(IntEnum):
    """Bits 31-26."""

    SPECIAL = 0x00
    REGIMM = 0x01
    J = 0x02
    JAL = 0x03
    BEQ = 0x04
    BNE = 0x05
    BLEZ = 0x06
    BGTZ = 0x07
    ADDI = 0x08
    ADDIU = 0x09
    SLTI = 0x0A
    SLTIU = 0x0B
    ANDI = 0x0C
    ORI = 0x0D
    XORI = 0x0E
    LUI = 0x0F
    COP0 = 0x10
    BEQL = 0x14
    BNEL = 0x15
    BLEZL = 0x16
    BGTZL = 0x17
    SPECIAL2 = 0x1C
    SPECIAL3 = 0x1F
    LB = 0x20
    LH = 0x21
    LWL = 0x22
    LW = 0x23
    LBU = 0x24
    LHU = 0x25
    LWR = 0x26
    SB = 0x28
    SH = 0x29
    SWL = 0x2A
    SW = 0x2B
    SWR = 0x2E
    CACHE = 0x2F
    LL = 0x30
    PREF = 0x33
    SC = 0x38


class Fn(IntEnum):
    """Bits 5-0 of a SPECIAL instruction."""

    SLL = 0x00
    SRL = 0x02
    SRA = 0x03
    SLLV = 0x04
    SRLV = 0x06
    SRAV = 0x07
    JR = 0x08
    JALR = 0x09
    MOVZ = 0x0A
    MOVN = 0x0B
    SYSCALL = 0x0C
    BREAK = 0x0D
    SYNC = 0x0F
    MFHI = 0x10
    MTHI = 0x11
    MFLO = 0x12
    MTLO = 0x13
    MULT = 0x18
    MULTU = 0x19
    DIV = 0x1A
    DIVU = 0x1B
    ADD = 0x20
    ADDU = 0x21
    SUB = 0x22
    SUBU = 0x23
    AND = 0x24
    OR = 0x25
    XOR = 0x26
    NOR = 0x27
    SLT = 0x2A
    SLTU = 0x2B
    TGE = 0x30
    TGEU = 0x31
    TLT = 0x32
    TLTU = 0x33
    TEQ = 0x34
    TNE = 0x36


class Fn2(IntEnum):
    """Bits 5-0 of a SPECIAL2 instruction."""

    MADD = 0x00
    MADDU = 0x01
    MUL = 0x02
    MSUB = 0x04
    MSUBU = 0x05
    CLZ = 0x20
    CLO = 0x21


class Rt(IntEnum):
    """Bits 20-16 of a REGIMM instruction."""

    BLTZ = 0x00
    BGEZ = 0x01
    BLTZL = 0x02
    BGEZL = 0x03
    TGEI = 0x08
    TGEIU = 0x09
    TLTI = 0x0A
    TLTIU = 0x0B
    TEQI = 0x0C
    TNEI = 0x0E
    BLTZAL = 0x10
    BGEZAL = 0x11
    BLTZALL = 0x12
    BGEZALL = 0x13


class Cause(IntEnum):
    """Why an exception was raised: the manual's ExcCode numbers (Volume III, table 9-46)."""

    ADEL = 4
    ADES = 5
    SYS = 8
    BP = 9
    RI = 10
    OV = 12
    TR = 13


class Call(IntEnum):
    """The code field of a SYSCALL instruction that is a VM call."""

    HALT = 1
    INPUT = 2
    ORACLE_KEY = 3
    ORACLE_READ = 4
    WRITE = 5


def is_call(word: int) -> bool:
    """Whether ``word`` is a SYSCALL instruction, of any code."""
    return word & 0xFC00003F == Fn.SYSCALL


def call_code(word: int) -> int:
    """The code of a SYSCALL instruction: 0 for the kernel, else a VM call."""
    return word >> 6 & 0xFFFFF


def is_likely(word: int) -> bool:
    """Whether ``word`` is a branch that skips its delay slot when it is not taken."""
    of_sign = word >> 26 == Op.REGIMM and word >> 16 & 0x0E == 2
    return of_sign or Op.BEQL <= word >> 26 <= Op.BGTZL


def engines_differ(word: int) -> bool:
    """Whether the fast engine would execute ``word`` in another way than the specification.

    * Coprocessor 0 and CACHE: Unicorn runs its guest in kernel mode, where they are legal.
    * SPECIAL 05: QEMU's PMON, a firmware call.
    * The branches of floating point: in a delay slot, they make QEMU abort the process.
    * SPECIAL3, but for three functions: QEMU takes some of its DSP instructions for no-ops if they
      name register 0.
    * A branch-likely over its own delay slot, or one that names registers for which it is never
      taken (BNEL of a register with itself, BLTZL of register 0 …): it does the same in both, but
      whether the delay slot was executed cannot be seen from outside, nor the steps be counted.

    In every other case in which the two disagree about an encoding, Unicorn raises an exception,
    and then the specification decides (docs/engines.md).
    """
    opcode, rs, rt = word >> 26, word >> 21 & 31, word >> 16 & 31
    if opcode in (Op.COP0, Op.CACHE) or word & 0xFC00003F == PMON or word >> 24 == FLOAT_BRANCH:
        return True
    if opcode == Op.SPECIAL3:
        return word & 63 not in (EXT, INS, RDHWR)
    if not is_likely(word):
        return False
    if opcode == Op.BNEL:
        never = rs == rt
    else:
        of_sign = opcode == Op.REGIMM and rt & 1 == 0
        never = rs == 0 and (of_sign or opcode == Op.BGTZL)
    return never or word & 0xFFFF == 1


def differing(words: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """:func:`engines_differ` of many words."""
    opcode = words >> np.uint32(26)
    rs, rt = words >> np.uint32(21) & np.uint32(31), words >> np.uint32(16) & np.uint32(31)
    function = words & np.uint32(63)
    of_sign = (opcode == Op.REGIMM) & (rt & np.uint32(0x0E) == 2)
    likely = of_sign | ((opcode >= Op.BEQL) & (opcode <= Op.BGTZL))
    negative = of_sign & (rt & np.uint32(1) == 0)
    never = np.where(opcode == Op.BNEL, rs == rt, (rs == 0) & (negative | (opcode == Op.BGTZL)))
    special3 = (opcode == Op.SPECIAL3) & ~np.isin(function, (EXT, INS, RDHWR))
    pmon = (opcode == Op.SPECIAL) & (function == PMON)
    over_itself = words & np.uint32(0xFFFF) == 1
    supervisor = (opcode == Op.COP0) | (opcode == Op.CACHE)
    float_branch = words >> np.uint32(24) == FLOAT_BRANCH
    found: NDArray[np.bool_] = likely & (never | over_itself)
    found |= supervisor | pmon | float_branch | special3
    return found
