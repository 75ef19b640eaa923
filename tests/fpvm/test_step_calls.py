"""The five VM calls of a step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpvm.isa import A0, A1, A2, KERNEL, V0, V1, Cause
from fpvm.oracle import keccak_key, sha256_key
from fpvm.step import step
from tests.fpvm.machines import CODE, DATA, PROPERTY, syscall
from tests.fpvm.stepping import Giver, NoHost, core, effect, effect_on, exception

HALT, INPUT, ORACLE_KEY, ORACLE_READ, WRITE = map(syscall, range(1, 6))
BYTES = bytes(range(1, 65))
PREIMAGE = bytes(range(100, 200))


# --- HALT, INPUT, ORACLE_KEY: whole leaves --------------------------------------------------------


@pytest.mark.parametrize(
    ("a0", "code"), [(0, 0), (1, 1), (255, 255), (256, 0), (0x12345603, 3), (0xFFFFFFFF, 255)]
)
def test_halt(a0, code):
    this = core(HALT, {A0: a0, A1: DATA + 32}, {DATA: BYTES})
    found = effect_on(this)
    assert found == {"exited": True, "output": BYTES[32:]} | ({"exit_code": code} if code else {})
    assert (this.pc, this.next_pc) == (CODE + 4, CODE + 8), "pc and nextPC advance as usual"
    assert this.memory.reads == [CODE, DATA + 32]


def test_halt_in_a_delay_slot_and_in_the_kernel():
    for pc in (CODE, KERNEL):
        this = core(HALT, {A1: DATA}, {DATA: BYTES}, pc=pc, next_pc=0x700000)
        assert effect_on(this) == {"exited": True, "output": BYTES[:32]}
        assert (this.pc, this.next_pc) == (0x700000, 0x700004)


def test_a_halted_state_steps_to_itself():
    for word in (HALT, 0, 0xFFFFFFFF):
        this = core(word, {A1: DATA}, exited=True, exit_code=3, step=77, output=b"o" * 32)
        before = this.state(bytes(32))
        step(this)
        assert this.state(bytes(32)) == before
        assert this.memory.reads == []


def test_input():
    this = core(INPUT, {A0: DATA + 32}, {DATA: BYTES}, input=b"i" * 32)
    assert effect_on(this) == {"memory": {DATA + 32: b"i" * 32}}


def test_oracle_key():
    this = core(ORACLE_KEY, {A0: DATA + 32}, {DATA: BYTES}, oracle_key=b"o" * 32)
    assert effect_on(this) == {"oracle_key": BYTES[32:]}
    assert this.memory.reads == [CODE, DATA + 32]


WHOLE_LEAVES = [(HALT, A1, Cause.ADEL), (INPUT, A0, Cause.ADES), (ORACLE_KEY, A0, Cause.ADEL)]


@pytest.mark.parametrize(("word", "register", "cause"), WHOLE_LEAVES)
@pytest.mark.parametrize(
    "address", [0, 32, 0xFE0, 0xFFF, DATA + 1, DATA + 4, DATA + 16, DATA + 31, 0xFFFFFFFF]
)
def test_a_leaf_is_a_multiple_of_32_above_the_null_guard(word, register, cause, address):
    this = core(word, {register: address})
    assert effect_on(this) == exception(cause)
    assert this.memory.reads == [CODE]


@pytest.mark.parametrize(("word", "register", "cause"), WHOLE_LEAVES)
@pytest.mark.parametrize("address", [0x1000, 0x80000000, 0xFFFFFFE0])
def test_a_leaf_may_be_anywhere_else(word, register, cause, address):
    this = core(word, {register: address})
    assert "r26" not in effect_on(this)
    assert {*this.memory.reads, *this.memory.writes} == {CODE, address}


@pytest.mark.parametrize(("word", "register", "cause"), WHOLE_LEAVES)
def test_a_bad_leaf_in_the_kernel_halts(word, register, cause):
    assert effect(word, {register: 4}, pc=KERNEL) == {"exited": True, "exit_code": 255}


# --- ORACLE_READ ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [keccak_key(PREIMAGE), sha256_key(PREIMAGE)])
@pytest.mark.parametrize("at", [0, 1, 17, 31])
@pytest.mark.parametrize("offset", [0, 1, 68, 69, 99])
def test_oracle_read(key, at, offset):
    host = Giver(PREIMAGE)
    regs = {A0: DATA + at, A1: offset, V0: 77, V1: 77}
    this = core(ORACLE_READ, regs, {DATA: BYTES}, host, oracle_key=key)
    part = PREIMAGE[offset : offset + min(32 - at, 100 - offset)]
    leaf = BYTES[:at] + part + BYTES[at + len(part) : 32]
    assert effect_on(this) == {"r2": len(part), "r3": 100, "memory": {DATA: leaf}}
    assert host.asked == [key]
    assert this.memory.reads == [CODE, DATA]


@PROPERTY
@given(st.binary(max_size=80), st.integers(0, 31), st.integers(0, 90))
def test_oracle_read_never_passes_the_end_of_a_leaf_or_of_the_preimage(preimage, at, offset):
    regs = {A0: DATA + at, A1: offset}
    host = Giver(preimage)
    this = core(ORACLE_READ, regs, {DATA: BYTES}, host, oracle_key=keccak_key(preimage))
    effect_on(this)
    count, length = this.regs[V0], this.regs[V1]
    left = len(preimage) - offset
    assert count == max(0, min(32 - at, left))
    assert length == (len(preimage) if left > 0 else 0)
    leaf = this.memory.writes[DATA]
    assert leaf[at : at + count] == preimage[offset : offset + count]
    assert leaf[:at] + leaf[at + count :] == BYTES[:at] + BYTES[at + count : 32]


@pytest.mark.parametrize("offset", [100, 101, 0x80000000, 0xFFFFFFFF])
def test_past_the_end_nothing_is_read(offset):
    regs = {A0: DATA, A1: offset, V0: 77, V1: 77}
    key = keccak_key(PREIMAGE)
    this = core(ORACLE_READ, regs, {DATA: BYTES}, Giver(PREIMAGE), oracle_key=key)
    assert effect_on(this) == {"r2": 0, "r3": 0, "memory": {DATA: BYTES[:32]}}


@pytest.mark.parametrize("kind", [0, 1, 3, 5, 6, 0x82, 255])
def test_a_key_of_unknown_type_has_no_preimage(kind):
    """The host is not even asked; the leaf is used all the same, for the witness to have one."""
    key = bytes([kind]) + bytes(31)
    regs = {A0: DATA, A1: 0, V0: 77, V1: 77}
    this = core(ORACLE_READ, regs, {DATA: BYTES}, NoHost(), oracle_key=key)
    assert effect_on(this) == {"r2": 0, "r3": 0, "memory": {DATA: BYTES[:32]}}
    assert this.memory.reads == [CODE, DATA]


@pytest.mark.parametrize("address", [0, 4, 0xFFF])
def test_a_preimage_is_not_read_to_null(address):
    """Nor is the host asked for it."""
    key = keccak_key(PREIMAGE)
    this = core(ORACLE_READ, {A0: address}, None, NoHost(), oracle_key=key)
    assert effect_on(this) == exception(Cause.ADES)


@pytest.mark.parametrize("address", [0x1000, 0x80000001, 0xFFFFFFFF])
def test_a_preimage_is_read_to_anywhere_else(address):
    this = core(ORACLE_READ, {A0: address}, None, Giver(b"!"), oracle_key=b"\2" + bytes(31))
    found = effect_on(this)
    assert found["r2"] == 1
    assert found["memory"][address & -32][address % 32] == ord("!")


class Missing(NoHost):
    def preimage(self, key: bytes) -> bytes:
        raise LookupError(key.hex())


def test_a_missing_preimage_leaves_everything_as_it_was():
    key = keccak_key(PREIMAGE)
    this = core(ORACLE_READ, {A0: DATA, V0: 7}, {DATA: BYTES}, Missing(), oracle_key=key)
    before = this.state(bytes(32))
    for _ in range(2):
        with pytest.raises(LookupError, match=key.hex()):
            step(this)
        assert this.state(bytes(32)) == before
        assert this.memory.writes == {}
    this.host = Giver(PREIMAGE)
    assert effect_on(this)["r2"] == 32


# --- WRITE ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", [0, 1, 2, 3, 4, 0xFFFFFFFF])
@pytest.mark.parametrize(("address", "length"), [(DATA, 5), (0, 1), (3, 0), (DATA, 0xFFFFFFFF)])
def test_write_is_for_the_host_and_always_succeeds(channel, address, length):
    host = Giver()
    this = core(WRITE, {A0: channel, A1: address, A2: length, V0: 7}, None, host)
    assert effect_on(this) == {"r2": length}
    assert host.written == [(channel, address, length)]
    assert this.memory.reads == [CODE], "no leaf is needed to prove it"


@pytest.mark.parametrize("code", [6, 7, 64, 0x80000, 0xFFFFF])
def test_other_calls_are_reserved(code):
    assert effect(syscall(code), {A0: DATA, A1: DATA}) == exception(Cause.RI)
