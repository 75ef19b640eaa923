"""A machine that runs: to a step, to a preimage, and what it does to those around it."""

from __future__ import annotations

import pytest

from fpvm.fast import FastMachine
from fpvm.isa import A0, A1, A2, V0, V1, Call
from fpvm.machine import HINT, MAX_WRITE, STDERR, STDOUT, Machine
from fpvm.memory import Memory
from fpvm.oracle import Oracle, PreimageCorrupt, PreimageMissing, Source, keccak_key, sha256_key
from fpvm.sources import DictSource
from fpvm.state import State
from tests.fpvm.machines import (
    DATA,
    NOP,
    Preimages,
    Setup,
    addiu,
    assemble,
    beq,
    li,
    loop,
    program,
    registers,
    shown,
    sw,
    syscall,
)

ENGINES = pytest.mark.parametrize("engine", [Machine, FastMachine])
PREIMAGE = bytes(range(100))
KEY, OTHER_KEY = keccak_key(PREIMAGE), sha256_key(PREIMAGE)

#: Reads the preimage of the key at DATA over the key, then does so with the next one.
READS = program(
    *(li(A0, DATA), syscall(Call.ORACLE_KEY), syscall(Call.ORACLE_READ)),
    *(addiu(A0, A0, 32), syscall(Call.ORACLE_KEY), syscall(Call.ORACLE_READ), loop()),
    memory={DATA: KEY + OTHER_KEY},
)
FIRST_READ, SECOND_READ = 3, 6


def reader(engine: type[Machine], oracle: Source) -> Machine:
    """A machine that runs READS."""
    machine = READS.start(engine)
    machine.surroundings._oracle = oracle
    return machine


def counter() -> Setup:
    """A program that counts in memory for ever."""
    return program(li(8, DATA), addiu(9, 9, 1), sw(9, 0, 8), beq(0, 0, -3), NOP)


@ENGINES
def test_a_run_ends_at_its_step_exactly(engine: type[Machine]) -> None:
    machine = counter().start(engine)
    for step in (0, 1, 2, 3, 50, 1001, 4002):
        machine.run(step)
        assert machine.step == step
        # Two instructions to start with, then four a round; the first of a round counts, the second
        # stores.
        assert machine.core.regs[9] == max(0, step + 1) // 4
        assert machine.word(DATA) == step // 4


@ENGINES
def test_a_run_never_goes_back(engine: type[Machine]) -> None:
    machine = counter().start(engine)
    machine.run(100)
    before = machine.state()
    for step in (0, 99, 100):
        machine.run(step)
        assert machine.state() == before


@ENGINES
def test_a_run_ends_where_the_program_does(engine: type[Machine]) -> None:
    machine = program(
        *(li(A1, DATA), addiu(A0, 0, 3), syscall(Call.HALT)), memory={DATA: PREIMAGE[:32]}
    ).start(engine)
    machine.run(1 << 40)
    assert (machine.exited, machine.step) == (True, 4)
    halted = machine.state()
    assert (halted.exit_code, halted.output) == (3, PREIMAGE[:32])
    machine.run(1 << 41)
    assert machine.state() == halted


@ENGINES
def test_the_state_has_the_root_of_memory_as_it_is(engine: type[Machine]) -> None:
    machine = counter().start(engine)
    for step in (0, 3, 4, 400, 404):
        machine.run(step)
        afresh = Memory(dict(machine.memory.pages()))
        assert machine.state().mem_root == afresh.root()


# --- Preimages ------------------------------------------------------------------------------------


@ENGINES
def test_a_run_that_lacks_a_preimage_goes_on_once_it_is_there(engine: type[Machine]) -> None:
    whole = reader(engine, Preimages(PREIMAGE))
    whole.run(1000)

    preimages: dict[bytes, bytes] = {}
    machine = reader(engine, Oracle(DictSource(preimages)))
    for key, step in ((KEY, FIRST_READ), (OTHER_KEY, SECOND_READ)):
        for _ in range(2):
            with pytest.raises(PreimageMissing, match=key.hex()):
                machine.run(1000)
            assert machine.step == step
        preimages[key] = PREIMAGE[:-1]
        with pytest.raises(PreimageCorrupt, match=key.hex()):
            machine.run(1000)
        assert machine.step == step
        preimages[key] = PREIMAGE
    machine.run(1000)
    assert machine.state() == whole.state()
    assert (machine.core.regs[V0], machine.core.regs[V1]) == (32, len(PREIMAGE))


@ENGINES
def test_a_run_stops_before_it_reads_a_preimage(engine: type[Machine]) -> None:
    """It stops although nobody has the preimage: asking for it is what the caller may want to
    know."""
    preimages: dict[bytes, bytes] = {}
    machine = reader(engine, DictSource(preimages))
    assert machine.run_to_preimage() == KEY
    assert machine.step == FIRST_READ
    assert machine.run_to_preimage() == KEY
    assert machine.step == FIRST_READ
    preimages[KEY] = PREIMAGE
    machine.run(FIRST_READ + 1)
    assert machine.run_to_preimage() == OTHER_KEY
    assert machine.step == SECOND_READ


@ENGINES
def test_a_run_stops_before_it_reads_one_certain_preimage(engine: type[Machine]) -> None:
    machine = reader(engine, Preimages(PREIMAGE))
    assert machine.run_to_preimage(OTHER_KEY) == OTHER_KEY
    assert machine.step == SECOND_READ


@ENGINES
def test_a_run_to_a_preimage_may_end_before(engine: type[Machine]) -> None:
    machine = reader(engine, Preimages(PREIMAGE))
    assert machine.run_to_preimage(until=2) is None
    assert machine.step == 2
    assert machine.run_to_preimage(keccak_key(b"something else"), until=1000) is None
    assert machine.step == 1000

    halting = program(li(A1, DATA), syscall(Call.HALT)).start(engine)
    assert halting.run_to_preimage() is None
    assert halting.exited


@ENGINES
def test_stopping_at_preimages_is_over_with_the_run(engine: type[Machine]) -> None:
    machine = reader(engine, Preimages(PREIMAGE))
    machine.run_to_preimage()
    machine.run(1000)
    assert machine.step == 1000


# --- Output and hints -----------------------------------------------------------------------------


def writes(channel: int, address: int, length: int, memory: dict[int, bytes]) -> Setup:
    """One WRITE, then nothing for ever."""
    return program(
        *(syscall(Call.WRITE), loop()),
        regs={A0: channel, A1: address, A2: length},
        memory=memory,
    )


@ENGINES
@pytest.mark.parametrize("channel", [STDOUT, STDERR])
def test_a_program_is_shown(engine: type[Machine], channel: int) -> None:
    # Across the end of a leaf and of a page.
    machine = writes(channel, DATA + 0xFF0, 50, {DATA + 0xFF0: PREIMAGE}).start(engine)
    machine.run(100)
    assert shown(machine) == [(channel, PREIMAGE[:50])]
    assert machine.core.regs[V0] == 50


@ENGINES
@pytest.mark.parametrize("channel", [0, 4, 5, 0xFFFFFFFF])
def test_what_goes_to_no_channel_is_dropped(engine: type[Machine], channel: int) -> None:
    machine = writes(channel, DATA, 50, {DATA: PREIMAGE}).start(engine)
    machine.run(100)
    assert shown(machine) == []
    assert machine.core.regs[V0] == 50


@ENGINES
@pytest.mark.parametrize("channel", [STDOUT, HINT])
def test_nobody_reads_four_gigabytes(engine: type[Machine], channel: int) -> None:
    machine = writes(channel, DATA, 0xFFFFFFFF, {DATA: b"hello"}).start(engine)
    machine.run(100)
    assert [(to, data[:6], len(data)) for to, data in shown(machine)] == (
        [(STDOUT, b"hello\0", MAX_WRITE)] if channel == STDOUT else []
    )
    assert machine.core.regs[V0] == 0xFFFFFFFF


@ENGINES
def test_memory_is_round(engine: type[Machine]) -> None:
    machine = writes(STDOUT, 0xFFFFFFFE, 4, {0xFFFFFFFE: b"ab", 0: b"cd"}).start(engine)
    machine.run(100)
    assert shown(machine) == [(STDOUT, b"abcd")]


@ENGINES
def test_hints_reach_the_oracle_whole(engine: type[Machine]) -> None:
    """A hint is a length and as many bytes; a program may write it in pieces."""
    hint = len(PREIMAGE).to_bytes(4) + PREIMAGE
    machine = program(
        *(syscall(Call.WRITE), addiu(A1, A1, 10), addiu(A2, 0, len(hint) - 10)),
        *(syscall(Call.WRITE), loop()),
        regs={A0: HINT, A1: DATA, A2: 10},
        memory={DATA: hint},
    ).start(engine)
    oracle = machine.surroundings._oracle = Preimages()
    machine.run(1)
    assert oracle.hints == []
    machine.run(100)
    assert oracle.hints == [PREIMAGE]
    assert shown(machine) == []


@ENGINES
def test_a_console_is_not_asked_for(engine: type[Machine]) -> None:
    memory = Memory(
        {DATA >> 12: bytes(4096), 0x400: assemble(syscall(Call.WRITE), loop()).ljust(4096, b"\0")}
    )
    state = State(memory.root(), 0x400000, 0x400004, regs=(0, 0, 0, 0, STDOUT, DATA, 9, *[0] * 25))
    machine = engine(state, memory, Preimages())
    machine.run(10)
    assert registers(machine).regs[V0] == 9


@ENGINES
def test_a_word_is_read_big_endian_and_all_around(engine: type[Machine]) -> None:
    machine = program(loop(), memory={DATA: b"\x01\x02\x03\x04", 0: b"\xff"}).start(engine)
    assert machine.word(DATA) == 0x01020304
    assert machine.word(0x1_0000_0000) == 0xFF000000
