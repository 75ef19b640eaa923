"""Arithmetic and logic, against formulas that are written in another way: on strings of bits."""

from __future__ import annotations

import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpvm.isa import Cause, Fn, Fn2, Op
from tests.fpvm.machines import CORNERS, PROPERTY, imm, special, special2
from tests.fpvm.stepping import core, effect, effect_on, exception

M32, M64 = 2**32, 2**64
words = st.one_of(st.sampled_from(CORNERS), st.integers(0, M32 - 1))
halves = st.one_of(st.sampled_from([0, 1, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF]), st.integers(0, 0xFFFF))
amounts = st.integers(0, 31)
LEFT, RIGHT, TO = 1, 2, 3


def signed(value: int) -> int:
    return struct.unpack(">i", value.to_bytes(4, "big"))[0]


def unsigned(value: int) -> int:
    return value % M32


def bits(value: int) -> str:
    return format(value, "032b")


def extended(half: int) -> int:
    """A halfword with its sign, as 32 bits."""
    return unsigned(struct.unpack(">h", half.to_bytes(2, "big"))[0])


def by_bits(function, left: int, right: int) -> int:
    pairs = zip(bits(left), bits(right), strict=True)
    return int("".join(str(int(function(a == "1", b == "1"))) for a, b in pairs), 2)


def result(word: int, left: int, right: int, unchanged: int = 0x3C3C3C3C) -> int:
    """What ``word`` puts into register 3, if it changes nothing else."""
    this = core(word, {LEFT: left, RIGHT: right, TO: unchanged}, hi=5, lo=6)
    found = effect_on(this)
    assert found.keys() <= {"r3"}
    return this.regs[TO]


THREE_REGISTERS = {
    Fn.ADDU: lambda a, b: (a + b) % M32,
    Fn.SUBU: lambda a, b: (M32 + a - b) % M32,
    Fn.AND: lambda a, b: by_bits(lambda x, y: x and y, a, b),
    Fn.OR: lambda a, b: by_bits(lambda x, y: x or y, a, b),
    Fn.XOR: lambda a, b: by_bits(lambda x, y: x != y, a, b),
    Fn.NOR: lambda a, b: by_bits(lambda x, y: not (x or y), a, b),
    Fn.SLT: lambda a, b: int(signed(a) - signed(b) < 0),
    Fn.SLTU: lambda a, b: int(a - b < 0),
    Fn.SLLV: lambda a, b: int((bits(b) + "0" * (a % 32))[-32:], 2),
    Fn.SRLV: lambda a, b: int(("0" * (a % 32) + bits(b))[:32], 2),
    Fn.SRAV: lambda a, b: int((bits(b)[0] * (a % 32) + bits(b))[:32], 2),
    Fn.MOVZ: lambda a, b: 0x3C3C3C3C if b else a,
    Fn.MOVN: lambda a, b: a if b else 0x3C3C3C3C,
}


@pytest.mark.parametrize("fn", THREE_REGISTERS, ids=lambda fn: fn.name)
@PROPERTY
@given(words, words)
def test_three_registers(fn, left, right):
    assert result(special(fn, LEFT, RIGHT, TO), left, right) == THREE_REGISTERS[fn](left, right)


@pytest.mark.parametrize("fn", THREE_REGISTERS, ids=lambda fn: fn.name)
def test_the_destination_may_be_a_source(fn):
    left, right = 0x80000003, 0x7FFFFFF1
    expected = THREE_REGISTERS[fn](left, right)
    for to in (LEFT, RIGHT):
        this = core(special(fn, LEFT, RIGHT, to), {LEFT: left, RIGHT: right})
        effect_on(this)
        kept = {LEFT: left, RIGHT: right}[to]
        assert this.regs[to] == (kept if expected == 0x3C3C3C3C else expected)


@pytest.mark.parametrize(
    ("fn", "of"),
    [
        (Fn.SLL, lambda value, by: int((bits(value) + "0" * by)[-32:], 2)),
        (Fn.SRL, lambda value, by: int(("0" * by + bits(value))[:32], 2)),
        (Fn.SRA, lambda value, by: int((bits(value)[0] * by + bits(value))[:32], 2)),
    ],
    ids=["SLL", "SRL", "SRA"],
)
@PROPERTY
@given(words, amounts)
def test_shifts_by_a_constant(fn, of, value, by):
    assert result(special(fn, 0, RIGHT, TO, by), 0, value) == of(value, by)


@pytest.mark.parametrize("fn", [Fn.SLLV, Fn.SRLV, Fn.SRAV])
def test_a_variable_shift_takes_five_bits_of_the_amount(fn):
    for amount in (32, 33, 0xFFFF_FFE1):
        by_low_bits = result(special(fn, LEFT, RIGHT, TO), amount % 32, 0x8765_4321)
        assert result(special(fn, LEFT, RIGHT, TO), amount, 0x8765_4321) == by_low_bits


@pytest.mark.parametrize(
    ("fn", "of"), [(Fn.ADD, lambda a, b: a + b), (Fn.SUB, lambda a, b: a - b)], ids=["ADD", "SUB"]
)
@PROPERTY
@given(words, words)
def test_add_and_sub_trap_on_overflow(fn, of, left, right):
    exact = of(signed(left), signed(right))
    found = effect(special(fn, LEFT, RIGHT, TO), {LEFT: left, RIGHT: right, TO: 0x3C3C3C3C})
    if -(2**31) <= exact < 2**31:
        assert found == {"r3": unsigned(exact)} or (found == {} and exact == 0x3C3C3C3C)
    else:
        assert found == exception(Cause.OV)


@pytest.mark.parametrize(
    ("word", "left", "right"),
    [
        (special(Fn.ADD, LEFT, RIGHT, TO), 0x7FFFFFFF, 1),
        (special(Fn.ADD, LEFT, RIGHT, TO), 0x80000000, 0xFFFFFFFF),
        (special(Fn.SUB, LEFT, RIGHT, TO), 0x80000000, 1),
        (special(Fn.SUB, LEFT, RIGHT, TO), 0, 0x80000000),
        (imm(Op.ADDI, LEFT, TO, 1), 0x7FFFFFFF, 0),
        (imm(Op.ADDI, LEFT, TO, -1), 0x80000000, 0),
        (special(Fn.ADD, LEFT, RIGHT, 0), 0x7FFFFFFF, 1),
        (imm(Op.ADDI, LEFT, 0, 1), 0x7FFFFFFF, 0),
    ],
)
def test_overflow_writes_nothing_even_if_nothing_would_be_written(word, left, right):
    assert effect(word, {LEFT: left, RIGHT: right}) == exception(Cause.OV)


@pytest.mark.parametrize(
    ("word", "left", "right", "sum_"),
    [
        (special(Fn.ADD, LEFT, RIGHT, TO), 0x7FFFFFFE, 1, 0x7FFFFFFF),
        (special(Fn.ADD, LEFT, RIGHT, TO), 0xFFFFFFFF, 1, 0),
        (special(Fn.SUB, LEFT, RIGHT, TO), 0x80000001, 1, 0x80000000),
        (special(Fn.SUB, LEFT, RIGHT, TO), 0x80000000, 0x80000000, 0),
        (imm(Op.ADDI, LEFT, TO, -32768), 0, 0, 0xFFFF8000),
    ],
)
def test_just_no_overflow(word, left, right, sum_):
    assert result(word, left, right) == sum_


IMMEDIATE = {
    Op.ADDIU: lambda a, h: (a + extended(h)) % M32,
    Op.SLTI: lambda a, h: int(signed(a) < signed(extended(h))),
    Op.SLTIU: lambda a, h: int(a < extended(h)),
    Op.ANDI: lambda a, h: by_bits(lambda x, y: x and y, a, h),
    Op.ORI: lambda a, h: by_bits(lambda x, y: x or y, a, h),
    Op.XORI: lambda a, h: by_bits(lambda x, y: x != y, a, h),
    Op.LUI: lambda a, h: int(format(h, "016b") + "0" * 16, 2),
}


@pytest.mark.parametrize("op", IMMEDIATE, ids=lambda op: op.name)
@PROPERTY
@given(words, halves)
def test_immediates(op, left, half):
    assert result(imm(op, LEFT, TO, half), left, 0) == IMMEDIATE[op](left, half)


@PROPERTY
@given(words, halves)
def test_addi_traps_on_overflow(left, half):
    exact = signed(left) + signed(extended(half))
    found = effect(imm(Op.ADDI, LEFT, TO, half), {LEFT: left, TO: 0x3C3C3C3C})
    fits = -(2**31) <= exact < 2**31
    assert found in ([{"r3": unsigned(exact)}, {}] if fits else [exception(Cause.OV)])


@pytest.mark.parametrize("fn", [Fn.MULT, Fn.MULTU])
@PROPERTY
@given(words, words)
def test_products(fn, left, right):
    exact = signed(left) * signed(right) if fn == Fn.MULT else left * right
    this = core(special(fn, LEFT, RIGHT), {LEFT: left, RIGHT: right}, hi=1, lo=1)
    assert effect_on(this).keys() <= {"hi", "lo"}
    assert struct.pack(">II", this.hi, this.lo) == struct.pack(">Q", exact % M64)


@pytest.mark.parametrize("fn", [Fn.DIV, Fn.DIVU])
@PROPERTY
@given(words, words)
def test_quotients(fn, left, right):
    """Rounded to zero; the remainder has the sign of the dividend."""
    this = core(special(fn, LEFT, RIGHT), {LEFT: left, RIGHT: right}, hi=1, lo=1)
    assert effect_on(this).keys() <= {"hi", "lo"}
    if right == 0:
        assert (this.lo, this.hi) == (left, 0)
        return
    a, b = (signed(left), signed(right)) if fn == Fn.DIV else (left, right)
    quotient = int(Fraction(a, b))
    assert (this.lo, this.hi) == (unsigned(quotient), unsigned(a - b * quotient))


@pytest.mark.parametrize(
    ("fn", "left", "right", "lo", "hi"),
    [
        (Fn.DIV, 0x80000000, 0xFFFFFFFF, 0x80000000, 0),
        (Fn.DIV, 0x80000000, 0, 0x80000000, 0),
        (Fn.DIV, 7, 0xFFFFFFFE, 0xFFFFFFFD, 1),
        (Fn.DIV, 0xFFFFFFF9, 2, 0xFFFFFFFD, 0xFFFFFFFF),
        (Fn.DIV, 0xFFFFFFF9, 0xFFFFFFFE, 3, 0xFFFFFFFF),
        (Fn.DIV, 0, 0, 0, 0),
        (Fn.DIVU, 0x80000000, 0xFFFFFFFF, 0, 0x80000000),
        (Fn.DIVU, 0xFFFFFFFF, 0, 0xFFFFFFFF, 0),
        (Fn.DIVU, 7, 2, 3, 1),
    ],
)
def test_division_at_its_corners(fn, left, right, lo, hi):
    this = core(special(fn, LEFT, RIGHT), {LEFT: left, RIGHT: right}, hi=1, lo=1)
    effect_on(this)
    assert (this.lo, this.hi) == (lo, hi)


@pytest.mark.parametrize("fn", [Fn2.MADD, Fn2.MADDU, Fn2.MSUB, Fn2.MSUBU])
@PROPERTY
@given(words, words, words, words)
def test_products_are_added_to_hi_and_lo(fn, left, right, hi, lo):
    of_signed = fn in (Fn2.MADD, Fn2.MSUB)
    product = signed(left) * signed(right) if of_signed else left * right
    total = int(bits(hi) + bits(lo), 2)
    total = total + product if fn in (Fn2.MADD, Fn2.MADDU) else total - product
    this = core(special2(fn, LEFT, RIGHT), {LEFT: left, RIGHT: right}, hi=hi, lo=lo)
    assert effect_on(this).keys() <= {"hi", "lo"}
    assert bits(this.hi) + bits(this.lo) == format(total % M64, "064b")


@PROPERTY
@given(words, words)
def test_mul_keeps_the_low_word_and_leaves_hi_and_lo(left, right):
    assert result(special2(Fn2.MUL, LEFT, RIGHT, TO), left, right) == left * right % M32
    assert result(special2(Fn2.MUL, LEFT, RIGHT, TO), left, right) == unsigned(
        signed(left) * signed(right)
    )


@PROPERTY
@given(words)
def test_leading_zeros_and_ones(value):
    zeros, ones = (32 - len(bits(value).lstrip(digit)) for digit in "01")
    assert result(special2(Fn2.CLZ, LEFT, 0, TO), value, 0) == zeros
    assert result(special2(Fn2.CLO, LEFT, 0, TO), value, 0) == ones


@pytest.mark.parametrize(("value", "zeros"), [(0, 32), (1, 31), (0x80000000, 0), (0xFFFF, 16)])
def test_leading_zeros_at_their_corners(value, zeros):
    assert result(special2(Fn2.CLZ, LEFT, 0, TO), value, 0) == zeros
    assert result(special2(Fn2.CLO, LEFT, 0, TO), value ^ 0xFFFFFFFF, 0) == zeros


def test_moves_from_and_to_hi_and_lo():
    regs, accumulator = {LEFT: 0xAAAA0001}, {"hi": 0x11111111, "lo": 0x22222222}
    assert effect(special(Fn.MFHI, 0, 0, TO), regs, **accumulator) == {"r3": 0x11111111}
    assert effect(special(Fn.MFLO, 0, 0, TO), regs, **accumulator) == {"r3": 0x22222222}
    assert effect(special(Fn.MTHI, LEFT), regs, **accumulator) == {"hi": 0xAAAA0001}
    assert effect(special(Fn.MTLO, LEFT), regs, **accumulator) == {"lo": 0xAAAA0001}


WRITE_RD = (*THREE_REGISTERS, Fn.SLL, Fn.SRL, Fn.SRA, Fn.MFHI, Fn.MFLO)


@pytest.mark.parametrize(
    "word",
    [
        *(special(fn, LEFT, RIGHT, 0) for fn in WRITE_RD),
        *(special2(fn, LEFT, RIGHT, 0) for fn in (Fn2.MUL, Fn2.CLZ, Fn2.CLO)),
        *(imm(op, LEFT, 0, 0x1234) for op in (*IMMEDIATE, Op.ADDI)),
    ],
)
def test_register_0_stays_zero(word):
    assert effect(word, {LEFT: 5, RIGHT: 3}, hi=7, lo=8) == {}
