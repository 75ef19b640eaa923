"""The packing of a state, byte by byte, its hash and its outcome."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpvm.keccak import keccak256
from fpvm.state import STATE_SIZE, ZERO_WORD, State, StateError, genesis, outcome
from tests.fpvm.machines import PROPERTY

#: A state in which every field is different from every other.
FULL = State(
    mem_root=bytes(range(0x20)),
    input=bytes(range(0x20, 0x40)),
    output=bytes(range(0x40, 0x60)),
    oracle_key=bytes(range(0x60, 0x80)),
    pc=0xA0A1A2A3,
    next_pc=0xA4A5A6A7,
    hi=0xA8A9AAAB,
    lo=0xACADAEAF,
    ll_addr=0xB0B1B2B3,
    ll_value=0xB4B5B6B7,
    exited=True,
    exit_code=0xB9,
    step=0xBABBBCBDBEBFC0C1,
    regs=(0, *(0xC0000000 + i for i in range(1, 32))),
)
#: Its packing, as docs/vm.md lays it out.
PACKED = (
    bytes(range(0x80))
    + bytes.fromhex("a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7")
    + bytes.fromhex("01b9babbbcbdbebfc0c1")
    + bytes(4)
    + b"".join(bytes.fromhex(f"c00000{i:02x}") for i in range(1, 32))
)

words32 = st.integers(0, 2**32 - 1)
words256 = st.binary(min_size=32, max_size=32)
states = st.builds(
    State,
    mem_root=words256,
    pc=words32,
    next_pc=words32,
    input=words256,
    output=words256,
    oracle_key=words256,
    hi=words32,
    lo=words32,
    ll_addr=words32,
    ll_value=words32,
    exited=st.booleans(),
    exit_code=st.integers(0, 255),
    step=st.integers(0, 2**64 - 1),
    regs=st.tuples(st.just(0), *[words32] * 31),
)


def test_a_state_packs_to_these_290_bytes():
    assert STATE_SIZE == 290
    assert FULL.pack() == PACKED
    assert len(PACKED) == 290


@pytest.mark.parametrize(
    ("offset", "size", "field"),
    [
        (0, 32, "mem_root"),
        (32, 32, "input"),
        (64, 32, "output"),
        (96, 32, "oracle_key"),
        (128, 4, "pc"),
        (132, 4, "next_pc"),
        (136, 4, "hi"),
        (140, 4, "lo"),
        (144, 4, "ll_addr"),
        (148, 4, "ll_value"),
        (152, 1, "exited"),
        (153, 1, "exit_code"),
        (154, 8, "step"),
    ],
)
def test_a_field_has_its_offset(offset, size, field):
    value = getattr(FULL, field)
    expected = value if isinstance(value, bytes) else int(value).to_bytes(size, "big")
    assert FULL.pack()[offset : offset + size] == expected


@pytest.mark.parametrize("number", range(32))
def test_a_register_has_its_offset(number):
    assert struct.unpack_from(">I", FULL.pack(), 162 + 4 * number) == (FULL.regs[number],)


def test_the_hash_is_the_keccak_of_the_packing():
    assert FULL.hash() == keccak256(PACKED)
    assert FULL.hash().hex() == "e2aeef3884a8824812f890db96fe1c0b946e056eaff983586118124a183066c2"


def test_the_hash_of_a_first_state():
    root = bytes.fromhex("838c5655cb21c6cb83313b5a631175dff4963772cce9108188b34ac87c81c41e")
    first = genesis(root, 0x8000_0100, bytes(31) + b"\1")
    assert first.hash().hex() == "05b6693eec56a13755894e77e25337bfb886a70c7a11c1477375be7db6ce6186"


@PROPERTY
@given(states)
def test_packing_is_undone_by_unpacking(state):
    assert State.unpack(state.pack()) == state


@PROPERTY
@given(states, states)
def test_different_states_pack_differently(one, other):
    assert (one == other) == (one.pack() == other.pack())


@pytest.mark.parametrize("offset", range(290))
def test_a_changed_byte_is_another_state_or_none(offset):
    for flip in (0x01, 0x02, 0x80):
        changed = bytearray(PACKED)
        changed[offset] ^= flip
        changed = bytes(changed)
        forbidden = 162 <= offset < 166 or (offset == 152 and flip != 1)
        if forbidden:
            with pytest.raises(StateError):
                State.unpack(changed)
        else:
            assert State.unpack(changed) != FULL
            assert State.unpack(changed).pack() == changed


@pytest.mark.parametrize("size", [0, 1, 289, 291, 580])
def test_a_packing_of_another_length_is_refused(size):
    with pytest.raises(StateError, match=f"a packed state has 290 bytes, not {size}"):
        State.unpack((PACKED * 3)[:size])


@pytest.mark.parametrize("exited", [2, 3, 0x80, 0xFF])
def test_exited_is_zero_or_one(exited):
    with pytest.raises(StateError, match=f"exited is {exited}, neither 0 nor 1"):
        State.unpack(PACKED[:152] + bytes([exited]) + PACKED[153:])


@pytest.mark.parametrize("zero", [b"\0\0\0\1", b"\x80\0\0\0"])
def test_register_0_is_zero(zero):
    with pytest.raises(StateError, match="register 0 is not zero"):
        State.unpack(PACKED[:162] + zero + PACKED[166:])


@pytest.mark.parametrize("pc", [0, 0x8000_0000, 0xFFFF_FFFC])
def test_genesis_is_all_zero_but_for_the_program_and_its_input(pc):
    first = genesis(b"r" * 32, pc, b"i" * 32)
    next_pc = (pc + 4) % 2**32
    zero = State(mem_root=bytes(32), pc=0, next_pc=0)
    assert zero.pack() == bytes(290)
    expected = b"r" * 32 + b"i" * 32 + bytes(64) + struct.pack(">II", pc, next_pc) + bytes(154)
    assert first.pack() == expected


@pytest.mark.parametrize("size", [0, 31, 33])
def test_the_input_is_one_word(size):
    with pytest.raises(StateError, match=f"one 32-byte word, not {size}"):
        genesis(bytes(32), 0, bytes(size))


# --- Outcome --------------------------------------------------------------------------------------


def halted(code: int, output: bytes = b"o" * 32) -> State:
    return State(bytes(32), 0, 4, exited=True, exit_code=code, output=output)


def test_the_outcome_of_success_is_the_output():
    assert outcome(halted(0)) == b"o" * 32


@pytest.mark.parametrize("code", [1, 2, 255])
def test_the_outcome_of_failure_tells_code_and_output(code):
    assert outcome(halted(code)) == keccak256(b"failed" + bytes([code]) + b"o" * 32)


def test_the_outcome_of_failure_in_a_known_case():
    assert (
        outcome(halted(255, ZERO_WORD)).hex()
        == "e7a9d9d2cff128887d6bf2106b67203ebf44fcceb2f09e7c565d758495b6b799"
    )


def test_the_outcome_of_a_state_that_still_runs():
    running = State(bytes(32), 0, 4, output=b"o" * 32, exit_code=7)
    assert outcome(running) == keccak256(b"running")
    assert (
        outcome(running).hex() == "4e45c7c91129f5ae76a510707a27b402fd8be2688a505b20884082c04ede7c89"
    )


@PROPERTY
@given(states)
def test_every_state_has_an_outcome_of_one_word(state):
    assert len(outcome(state)) == 32
