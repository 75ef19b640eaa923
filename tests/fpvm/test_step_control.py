"""Jumps, branches, traps and exceptions: where a step goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpvm.isa import KERNEL, Cause, Fn, Op, Rt
from fpvm.step import OPCODES, REGIMM, SPECIAL, SPECIAL2, reserved
from tests.fpvm.machines import (
    BREAK,
    CODE,
    NOP,
    PROPERTY,
    RDHWR,
    imm,
    jr,
    jump,
    regimm,
    special,
    syscall,
)
from tests.fpvm.stepping import core, effect, effect_on, exception

M32 = 2**32
LEFT, RIGHT = 1, 2
MIN, MAX, MINUS_ONE = 0x80000000, 0x7FFFFFFF, 0xFFFFFFFF


def goes_to(target: int, **more: object) -> dict[str, object]:
    """The effect of a jump at CODE: the delay slot comes first."""
    return {"pc": CODE + 4, "next_pc": target, **more}


NULLIFIED = {"pc": CODE + 8, "next_pc": CODE + 12}


# --- Jumps ----------------------------------------------------------------------------------------


def test_j_and_jal_stay_in_the_region_of_their_delay_slot():
    assert effect(jump(0x00500000)) == goes_to(0x00500000)
    assert effect(jump(0x00500000, Op.JAL)) == goes_to(0x00500000, r31=CODE + 8)


@pytest.mark.parametrize(
    ("pc", "target"), [(0x1FFFFFFC, 0x20000040), (0x2FFFFFF8, 0x20000040), (0xFFFFFFFC, 0x40)]
)
def test_a_jump_takes_its_high_bits_from_the_delay_slot(pc, target):
    this = core(jump(0x40), pc=pc)
    effect_on(this)
    assert (this.pc, this.next_pc) == ((pc + 4) % M32, target)


@pytest.mark.parametrize("hint", [0, 16, 31])
@pytest.mark.parametrize("target", [0x500000, 0, 1, 2, 3, KERNEL, 0xFFFFFFFF])
def test_jr_goes_anywhere(target, hint):
    assert effect(special(Fn.JR, LEFT, sa=hint), {LEFT: target}) == goes_to(target)


@pytest.mark.parametrize("link", [31, 5, 0])
def test_jalr_links_to_any_register(link):
    expected = goes_to(0x500000, **({f"r{link}": CODE + 8} if link else {}))
    assert effect(special(Fn.JALR, LEFT, 0, link), {LEFT: 0x500000}) == expected


def test_jalr_reads_its_target_before_it_links():
    assert effect(special(Fn.JALR, 31, 0, 31), {31: 0x500000}) == goes_to(0x500000, r31=CODE + 8)


@pytest.mark.parametrize("next_pc", [CODE + 4, 0x700000, 2])
def test_links_are_behind_the_delay_slot_wherever_that_is(next_pc):
    """Links are pc + 8 even in a delay slot, where nextPC is elsewhere."""
    for word, regs in (
        (jump(0x500000, Op.JAL), {}),
        (special(Fn.JALR, LEFT, 0, 31), {LEFT: 0x500000}),
        (regimm(Rt.BGEZAL, 0, 9), {}),
    ):
        this = core(word, regs, next_pc=next_pc)
        effect_on(this)
        assert this.regs[31] == CODE + 8
        assert this.pc == next_pc


def test_links_wrap_around():
    this = core(jump(0, Op.JAL), pc=0xFFFFFFFC)
    effect_on(this)
    assert this.regs[31] == 4


# --- Branches -------------------------------------------------------------------------------------

COMPARING = {
    (Op.BEQ, Op.BEQL): lambda a, b: a == b,
    (Op.BNE, Op.BNEL): lambda a, b: a != b,
}
WITH_ZERO = {
    (imm(Op.BLEZ), imm(Op.BLEZL)): lambda a: a == 0 or a >= MIN,
    (imm(Op.BGTZ), imm(Op.BGTZL)): lambda a: 0 < a < MIN,
    (regimm(Rt.BLTZ), regimm(Rt.BLTZL)): lambda a: a >= MIN,
    (regimm(Rt.BGEZ), regimm(Rt.BGEZL)): lambda a: a < MIN,
    (regimm(Rt.BLTZAL), regimm(Rt.BLTZALL)): lambda a: a >= MIN,
    (regimm(Rt.BGEZAL), regimm(Rt.BGEZALL)): lambda a: a < MIN,
}
#: (plain word, likely word, registers, taken)
CASES = [
    (imm(plain, LEFT, RIGHT), imm(likely, LEFT, RIGHT), {LEFT: a, RIGHT: b}, condition(a, b))
    for (plain, likely), condition in COMPARING.items()
    for a, b in ((0, 0), (1, 2), (MIN, MIN), (MINUS_ONE, 1), (MIN, 0))
] + [
    (plain | LEFT << 21, likely | LEFT << 21, {LEFT: a}, condition(a))
    for (plain, likely), condition in WITH_ZERO.items()
    for a in (0, 1, MAX, MIN, MINUS_ONE)
]


def links(word: int) -> dict[str, object]:
    of_sign = word >> 26 == Op.REGIMM
    return {"r31": CODE + 8} if of_sign and word >> 16 & 0x10 else {}


@pytest.mark.parametrize(("plain", "likely", "regs", "taken"), CASES)
def test_branches(plain, likely, regs, taken):
    """A link is written whether or not the branch is taken."""
    for offset, distance in (
        (5, 24),
        (-3, -8),
        (-1, 0),
        (0x7FFF, 4 + 0x1FFFC),
        (-0x8000, -0x1FFFC),
    ):
        to = goes_to(CODE + distance)
        straight = {}
        low = offset & 0xFFFF
        assert effect(plain | low, regs) == {**(to if taken else straight), **links(plain)}
        assert effect(likely | low, regs) == {**(to if taken else NULLIFIED), **links(likely)}


def test_branches_wrap_around():
    this = core(imm(Op.BEQ, 0, 0, 3), pc=0xFFFFFFF8)
    effect_on(this)
    assert (this.pc, this.next_pc) == (0xFFFFFFFC, 8)
    this = core(imm(Op.BNEL, 0, 0, 3), pc=0xFFFFFFF8)
    effect_on(this)
    assert (this.pc, this.next_pc) == (0, 4)


@pytest.mark.parametrize("kind", [Rt.BLTZAL, Rt.BGEZAL, Rt.BLTZALL, Rt.BGEZALL])
def test_a_condition_is_read_before_the_link_is_written(kind):
    """The link is positive; the register was negative."""
    taken = kind in (Rt.BLTZAL, Rt.BLTZALL)
    this = core(regimm(kind, 31, 5), {31: MIN})
    effect_on(this)
    assert this.regs[31] == CODE + 8
    assert (this.next_pc == CODE + 24) == taken


def test_a_branch_in_a_delay_slot_goes_by_pc_and_next_pc():
    """Its target counts from itself; it is reached after one instruction of the other's target."""
    this = core(imm(Op.BEQ, 0, 0, 5), next_pc=0x700000)
    effect_on(this)
    assert (this.pc, this.next_pc) == (0x700000, CODE + 24)


def test_a_likely_branch_in_a_delay_slot_nullifies_what_comes_next():
    this = core(imm(Op.BNEL, 0, 0, 5), next_pc=0x700000)
    effect_on(this)
    assert (this.pc, this.next_pc) == (0x700004, 0x700008)


# --- Traps ----------------------------------------------------------------------------------------

TRAPS = {
    (Fn.TGE, Rt.TGEI): lambda a, b: (a ^ MIN) >= (b ^ MIN),
    (Fn.TGEU, Rt.TGEIU): lambda a, b: a >= b,
    (Fn.TLT, Rt.TLTI): lambda a, b: (a ^ MIN) < (b ^ MIN),
    (Fn.TLTU, Rt.TLTIU): lambda a, b: a < b,
    (Fn.TEQ, Rt.TEQI): lambda a, b: a == b,
    (Fn.TNE, Rt.TNEI): lambda a, b: a != b,
}
words = st.one_of(st.sampled_from([0, 1, MAX, MIN, MINUS_ONE]), st.integers(0, M32 - 1))
halves = st.one_of(st.sampled_from([0, 1, 0x7FFF, 0x8000, 0xFFFF]), st.integers(0, 0xFFFF))


@pytest.mark.parametrize("kinds", TRAPS, ids=lambda kinds: kinds[0].name)
@PROPERTY
@given(words, words, halves, st.booleans())
def test_traps(kinds, left, right, half, same):
    condition = TRAPS[kinds]
    right = left if same else right
    raised = exception(Cause.TR) if condition(left, right) else {}
    assert effect(special(kinds[0], LEFT, RIGHT, 9, 9), {LEFT: left, RIGHT: right}) == raised
    constant = half - 0x10000 + M32 if half >= 0x8000 else half
    left = constant if same else left
    raised = exception(Cause.TR) if condition(left, constant) else {}
    assert effect(regimm(kinds[1], LEFT, half), {LEFT: left}) == raised


# --- Exceptions -----------------------------------------------------------------------------------

FAULTS = {
    "BREAK": (BREAK, Cause.BP),
    "BREAK with a code": (BREAK | 0x3FF << 16, Cause.BP),
    "RDHWR": (RDHWR, Cause.RI),
    "floating point": (0x46000000, Cause.RI),
    "MFC0": (0x40020000, Cause.RI),
    "ERET": (0x42000018, Cause.RI),
    "all ones": (0xFFFFFFFF, Cause.RI),
    "unknown VM call": (syscall(6), Cause.RI),
    "the last VM call": (syscall(0xFFFFF), Cause.RI),
    "overflow": (special(Fn.ADD, 29, 29, 3), Cause.OV),
    "trap": (special(Fn.TEQ, 0, 0), Cause.TR),
    "unaligned load": (imm(Op.LW, 29, 3, 1), Cause.ADEL),
    "unaligned store": (imm(Op.SW, 29, 3, 1), Cause.ADES),
    "HALT at an unaligned leaf": (syscall(1), Cause.ADEL),
    "INPUT at null": (syscall(2), Cause.ADES),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("next_pc", [CODE + 4, 0x700000])
def test_a_fault_changes_nothing_and_returns_to_itself(name, next_pc):
    """Even in a delay slot: the kernel gets the address of the instruction itself."""
    word, cause = FAULTS[name]
    regs = {i: 0x1000_0000 + i for i in range(31)} | {0: 0, 4: 0, 29: 0x7FFFFFF0}
    fields = {"hi": 1, "lo": 2, "ll_addr": 3, "ll_value": 4, "oracle_key": b"k" * 32}
    assert effect(word, regs, next_pc=next_pc, **fields) == exception(cause)


@pytest.mark.parametrize("next_pc", [CODE + 4, 0x700000, 3])
def test_a_system_call_returns_behind_itself(next_pc):
    """That is nextPC: in a delay slot, the target of the branch."""
    assert effect(syscall(0), next_pc=next_pc) == exception(Cause.SYS, next_pc)


@pytest.mark.parametrize("pc", [1, 2, 3, 0x400001, 0x400002, 0x7FFFFFFF])
def test_an_unaligned_pc_is_an_address_error(pc):
    this = core(NOP, pc=pc)
    assert effect_on(this) == exception(Cause.ADEL, pc)
    assert this.memory.reads == [], "nothing is fetched"


@pytest.mark.parametrize("pc", [0, 4, 0xFFC])
def test_the_first_page_cannot_be_executed(pc):
    this = core(NOP, pc=pc)
    assert effect_on(this) == exception(Cause.ADEL, pc)
    assert this.memory.reads == []


@pytest.mark.parametrize("pc", [0x1000, 0x7FFFFFFC, KERNEL, 0xFFFFFFFC])
def test_everything_else_can(pc):
    this = core(NOP, pc=pc)
    assert effect_on(this) == {}
    assert this.memory.reads == [pc & -32]


@pytest.mark.parametrize("pc", [KERNEL, KERNEL + 0x100, 0xFFFFFFFC])
@pytest.mark.parametrize("name", [*FAULTS, "system call"])
def test_an_exception_of_the_kernel_halts(name, pc):
    word = syscall(0) if name == "system call" else FAULTS[name][0]
    regs = {4: 0, 29: 0x7FFFFFF0}
    found = effect(word, regs, pc=pc, output=b"o" * 32, exit_code=3)
    assert found == {"exited": True, "exit_code": 255, "output": bytes(32)}


@pytest.mark.parametrize("pc", [KERNEL + 1, KERNEL + 2, 0xFFFFFFFF])
def test_an_unaligned_pc_in_the_kernel_halts(pc):
    assert effect(NOP, pc=pc) == {"exited": True, "exit_code": 255}


def test_the_last_instruction_below_the_kernel_is_not_the_kernels():
    assert effect(BREAK, pc=KERNEL - 4, next_pc=CODE) == exception(Cause.BP, KERNEL - 4)


def test_a_fault_below_the_kernel_with_a_delay_slot_in_it():
    """It is pc that decides, not where the machine would go next."""
    found = effect(BREAK, pc=KERNEL, next_pc=CODE)
    assert found == {"exited": True, "exit_code": 255}


def test_a_kernel_returns_by_jr_k1():
    assert effect(jr(27), {27: CODE + 0x100}, pc=KERNEL + 8) == {
        "pc": KERNEL + 12,
        "next_pc": CODE + 0x100,
    }


# --- What the machine has, and has not ------------------------------------------------------------


@pytest.mark.parametrize("opcode", [op for op in range(64) if OPCODES[op] is reserved])
def test_reserved_opcodes(opcode):
    for fields in (0, 0x03FFFFFF, 0x0123ABCD):
        assert effect(opcode << 26 | fields) == exception(Cause.RI)


@pytest.mark.parametrize("fn", [fn for fn in range(64) if SPECIAL[fn] is reserved])
def test_reserved_functions(fn):
    for fields in (0, 0x03FFFFC0, 0x0123ABC0):
        assert effect(fields | fn) == exception(Cause.RI)


@pytest.mark.parametrize("fn", [fn for fn in range(64) if SPECIAL2[fn] is reserved])
def test_reserved_functions_of_special2(fn):
    for fields in (0, 0x03FFFFC0, 0x0123ABC0):
        assert effect(Op.SPECIAL2 << 26 | fields | fn) == exception(Cause.RI)


@pytest.mark.parametrize("rt", [rt for rt in range(32) if REGIMM[rt] is reserved])
def test_reserved_register_immediates(rt):
    for fields in (0, 0x03E0FFFF, 0x0120ABCD):
        assert effect(Op.REGIMM << 26 | fields | rt << 16) == exception(Cause.RI)


@pytest.mark.parametrize(
    "word", [NOP, special(Fn.SYNC), special(Fn.SYNC, 1, 2, 3, 4), imm(Op.PREF)]
)
def test_no_operations(word):
    assert effect(word, {1: 5}) == {}


def test_pref_touches_no_memory():
    this = core(imm(Op.PREF, 1, 30, 3), {1: 0})
    assert effect_on(this) == {}
    assert this.memory.reads == [CODE]


@pytest.mark.parametrize(
    ("word", "noise"),
    [
        (special(Fn.SLL, 0, 1, 3, 4), 31 << 21),
        (special(Fn.SRL, 0, 1, 3, 4), 1 << 21),
        (special(Fn.SRLV, 1, 2, 3), 1 << 6),
        (special(Fn.ADDU, 1, 2, 3), 31 << 6),
        (special(Fn.MULT, 1, 2), 31 << 6 | 31 << 11),
        (special(Fn.DIV, 1, 2), 3 << 11),
        (special(Fn.MFHI, 0, 0, 3), 31 << 21 | 31 << 16 | 31 << 6),
        (special(Fn.MTLO, 1), 31 << 16 | 31 << 11),
        (special(Fn.JR, 1), 31 << 16 | 31 << 11 | 31 << 6),
        (special(Fn.JALR, 1, 0, 3), 31 << 16 | 31 << 6),
        (imm(Op.LUI, 0, 3, 9), 31 << 21),
        (imm(Op.BLEZ, 1, 0, 5), 31 << 16),
        (imm(Op.BGTZL, 1, 0, 5), 31 << 16),
    ],
)
def test_bits_that_select_nothing_are_ignored(word, noise):
    regs, fields = {1: 0x12345678, 2: 0x9ABCDEF0, 31: 5}, {"hi": 7, "lo": 9}
    assert effect(word | noise, regs, **fields) == effect(word, regs, **fields)
