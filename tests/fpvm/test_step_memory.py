"""Loads and stores of a step: sizes, signs, unaligned pairs, LL and SC, address errors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpvm.isa import Cause, Op
from tests.fpvm.machines import DATA, PROPERTY, imm
from tests.fpvm.stepping import core, effect, effect_on, exception

BASE, RT = 1, 2
OLD = 0xE5F6A7B8
#: 64 bytes, no two alike, with the sign bit set in every other one.
BYTES = bytes((i * 0x13 + (0x80 if i & 1 else 0)) & 0xFF for i in range(64))
offsets = st.integers(0, 63)

LOADS = {Op.LB: 1, Op.LBU: 1, Op.LH: 2, Op.LHU: 2, Op.LW: 4, Op.LL: 4}
STORES = {Op.SB: 1, Op.SH: 2, Op.SW: 4}
UNALIGNED = (Op.LWL, Op.LWR, Op.SWL, Op.SWR)


def access(op: int, address: int, value: int = OLD, offset: int = 0, **fields: object):
    """The core and the effect of ``op`` at ``address``, reached by base and ``offset``."""
    this = core(
        imm(op, BASE, RT, offset), {BASE: address - offset, RT: value}, {DATA: BYTES}, **fields
    )
    return this, effect_on(this)


def leaf_with(address: int, data: bytes) -> dict[int, bytes]:
    """The leaf of ``address`` after ``data`` is put there."""
    start, at = address & -32, address % 32
    leaf = BYTES[start - DATA : start - DATA + 32]
    return {start: leaf[:at] + data + leaf[at + len(data) :]}


@pytest.mark.parametrize("op", LOADS, ids=lambda op: op.name)
@pytest.mark.parametrize("offset", [0, 4, -4, 0x7FFF, -0x8000])
def test_loads(op, offset):
    size = LOADS[op]
    for place in range(0, 64, size):
        address = DATA + place
        is_signed = op in (Op.LB, Op.LH)
        value = int.from_bytes(BYTES[place : place + size], "big", signed=is_signed) % 2**32
        this, found = access(op, address, offset=offset)
        assert this.regs[RT] == value
        linked = {"ll_addr": address, "ll_value": value} if op == Op.LL else {}
        assert found == {"r2": value, **linked}
        assert this.memory.reads[1:] == [address & -32]


@pytest.mark.parametrize("op", STORES, ids=lambda op: op.name)
@pytest.mark.parametrize("offset", [0, 4, -4, 0x7FFF, -0x8000])
def test_stores(op, offset):
    size = STORES[op]
    for place in range(0, 64, size):
        this, found = access(op, DATA + place, offset=offset)
        expected = leaf_with(DATA + place, OLD.to_bytes(4, "big")[4 - size :])
        assert found == {"memory": expected}
        assert set(this.memory.reads[1:]) == {DATA + place & -32}


#: The manual's tables, big-endian. The word in memory is I J K L, the register e f g h.
LOADED = {
    Op.LWL: ("IJKL", "JKLh", "KLgh", "Lfgh"),
    Op.LWR: ("efgI", "efIJ", "eIJK", "IJKL"),
}
#: The register is E F G H, the word in memory i j k l.
STORED = {
    Op.SWL: ("EFGH", "iEFG", "ijEF", "ijkE"),
    Op.SWR: ("Hjkl", "GHkl", "FGHl", "EFGH"),
}


@pytest.mark.parametrize("op", LOADED, ids=lambda op: op.name)
@pytest.mark.parametrize("place", range(64))
def test_unaligned_loads(op, place):
    word = place & ~3
    letters = dict(zip("efgh", OLD.to_bytes(4, "big"), strict=True))
    letters |= dict(zip("IJKL", BYTES[word : word + 4], strict=True))
    expected = bytes(letters[letter] for letter in LOADED[op][place % 4])
    this, found = access(op, DATA + place)
    assert this.regs[RT] == int.from_bytes(expected, "big")
    assert found.keys() <= {"r2"}
    assert this.memory.reads[1:] == [DATA + place & -32]


@pytest.mark.parametrize("op", STORED, ids=lambda op: op.name)
@pytest.mark.parametrize("place", range(64))
def test_unaligned_stores(op, place):
    word = place & ~3
    letters = dict(zip("EFGH", OLD.to_bytes(4, "big"), strict=True))
    letters |= dict(zip("ijkl", BYTES[word : word + 4], strict=True))
    expected = bytes(letters[letter] for letter in STORED[op][place % 4])
    this, found = access(op, DATA + place)
    assert found == {"memory": leaf_with(DATA + word, expected)}
    assert set(this.memory.reads[1:]) == {DATA + word & -32}


@PROPERTY
@given(st.integers(0, 60), st.integers(0, 2**32 - 1))
def test_a_pair_of_unaligned_accesses_moves_any_word(place, value):
    """LWL at the word's first byte and LWR at its last, as compilers use them."""
    this = core(imm(Op.LWL, BASE, RT, 0), {BASE: DATA + place}, {DATA: BYTES})
    effect_on(this)
    that = core(imm(Op.LWR, BASE, RT, 3), {BASE: DATA + place, RT: this.regs[RT]}, {DATA: BYTES})
    effect_on(that)
    assert that.regs[RT] == int.from_bytes(BYTES[place : place + 4], "big")
    store = core(imm(Op.SWL, BASE, RT, 0), {BASE: DATA + place, RT: value}, {DATA: BYTES})
    written = effect_on(store)["memory"]
    content = bytearray(BYTES)
    for start, leaf in written.items():
        content[start - DATA : start - DATA + 32] = leaf
    last = core(imm(Op.SWR, BASE, RT, 3), {BASE: DATA + place, RT: value}, {DATA: bytes(content)})
    for start, leaf in effect_on(last)["memory"].items():
        content[start - DATA : start - DATA + 32] = leaf
    assert bytes(content) == BYTES[:place] + value.to_bytes(4, "big") + BYTES[place + 4 :]


# --- Addresses ------------------------------------------------------------------------------------

ALIGNMENT = {**LOADS, **STORES, **dict.fromkeys(UNALIGNED, 1)}
READS = {*LOADS, Op.LWL, Op.LWR}


@pytest.mark.parametrize("op", ALIGNMENT, ids=lambda op: op.name)
def test_alignment(op):
    for place in range(8):
        _, found = access(op, DATA + place)
        if place % ALIGNMENT[op]:
            assert found == exception(Cause.ADEL if op in READS else Cause.ADES)
        else:
            assert "pc" not in found


@pytest.mark.parametrize("op", ALIGNMENT, ids=lambda op: op.name)
@pytest.mark.parametrize("address", [0, 4, 0xFF8, 0xFFC])
def test_null_pointers(op, address):
    this, found = access(op, address)
    assert found == exception(Cause.ADEL if op in READS else Cause.ADES)
    assert len(this.memory.reads) == 1, "only the instruction is read"


@pytest.mark.parametrize("op", [Op.LB, Op.SB, *UNALIGNED], ids=lambda op: op.name)
def test_the_last_null_byte(op):
    assert access(op, 0xFFF)[1] == exception(Cause.ADEL if op in READS else Cause.ADES)
    assert "pc" not in access(op, 0x1000)[1]


@pytest.mark.parametrize("op", ALIGNMENT, ids=lambda op: op.name)
@pytest.mark.parametrize("address", [0x1000, 0x7FFFFFFC, 0x80000000, 0xFFFFFFFC])
def test_all_other_addresses_are_anybodys(op, address):
    """There is no other protection: not of the kernel, not of code."""
    this, found = access(op, address)
    assert "pc" not in found
    assert set(this.memory.reads[1:]) == {address & -32}


@pytest.mark.parametrize("op", [Op.LW, Op.SW])
def test_addresses_wrap_around(op):
    assert "pc" not in effect(imm(op, BASE, RT, 8), {BASE: 0xFFFFFFF4})
    cause = Cause.ADEL if op == Op.LW else Cause.ADES
    assert effect(imm(op, BASE, RT, 8), {BASE: 0xFFFFFFF8}) == exception(cause)
    assert "pc" not in effect(imm(op, BASE, RT, -8), {BASE: 4})


@pytest.mark.parametrize("op", LOADS, ids=lambda op: op.name)
def test_loads_to_register_0_and_over_their_base(op):
    to_zero = core(imm(op, BASE, 0, 0), {BASE: DATA}, {DATA: BYTES})
    assert "r0" not in effect_on(to_zero)
    assert to_zero.memory.reads[1:] == [DATA]
    assert effect(imm(op, BASE, 0, 0), {BASE: 0}) == exception(Cause.ADEL)
    over = core(imm(op, BASE, BASE, 0), {BASE: DATA}, {DATA: BYTES})
    effect_on(over)
    assert over.regs[BASE] == access(op, DATA)[0].regs[RT]


def test_a_store_to_the_leaf_of_the_instruction():
    """Code and data leaf are one: it is read as it was before the step."""
    this = core(imm(Op.SW, BASE, RT, 4), {BASE: 0x400000, RT: OLD}, pc=0x400008)
    found = effect_on(this)
    word = imm(Op.SW, BASE, RT, 4).to_bytes(4, "big")
    leaf = bytes(4) + OLD.to_bytes(4, "big") + word + bytes(20)
    assert found == {"memory": {0x400000: leaf}}


# --- LL and SC ------------------------------------------------------------------------------------

SEEN = int.from_bytes(BYTES[8:12], "big")
LINKED = {"ll_addr": DATA + 8, "ll_value": SEEN}


def test_sc_stores_what_ll_saw_unchanged():
    _, found = access(Op.SC, DATA + 8, **LINKED)
    assert found == {"r2": 1, "memory": leaf_with(DATA + 8, OLD.to_bytes(4, "big"))}


def test_sc_stores_the_old_value_of_its_register():
    _, found = access(Op.SC, DATA + 8, value=1, **LINKED)
    assert found == {"memory": leaf_with(DATA + 8, b"\0\0\0\1")}, "and leaves 1 there"


def test_sc_fails_if_the_word_has_changed():
    this, found = access(Op.SC, DATA + 8, ll_addr=DATA + 8, ll_value=SEEN ^ 1)
    assert found == {"r2": 0}
    assert this.memory.reads[1:] == [DATA], "it had to look"


@pytest.mark.parametrize("address", [DATA, DATA + 12, DATA + 40, DATA + 9, 0, 0xFFC, 3])
def test_sc_fails_unseen_at_another_address(address):
    """Not even the address is checked."""
    this, found = access(Op.SC, address, **LINKED)
    assert found == {"r2": 0}
    assert len(this.memory.reads) == 1


@pytest.mark.parametrize("address", [DATA + 1, DATA + 2, DATA + 3, 0, 0x10, 0xFFC])
def test_sc_at_the_address_of_ll_is_checked_like_a_store(address):
    _, found = access(Op.SC, address, ll_addr=address, ll_value=0)
    assert found == exception(Cause.ADES)


def test_sc_to_register_0():
    this = core(imm(Op.SC, BASE, 0, 0), {BASE: DATA + 8}, {DATA: BYTES}, **LINKED)
    assert effect_on(this) == {"memory": leaf_with(DATA + 8, bytes(4))}


def test_sc_over_its_base():
    this = core(imm(Op.SC, BASE, BASE, 0), {BASE: DATA + 8}, {DATA: BYTES}, **LINKED)
    stored = (DATA + 8).to_bytes(4, "big")
    assert effect_on(this) == {"r1": 1, "memory": leaf_with(DATA + 8, stored)}


@pytest.mark.parametrize("address", [DATA + 1, 0x10])
def test_an_ll_that_faults_links_nothing(address):
    _, found = access(Op.LL, address, **LINKED)
    assert found == exception(Cause.ADEL)


@pytest.mark.parametrize("op", [Op.LW, Op.SW, Op.SB, Op.SWL], ids=lambda op: op.name)
def test_nothing_else_touches_the_link(op):
    _, found = access(op, DATA + 8, **LINKED)
    assert not found.keys() & {"ll_addr", "ll_value"}
