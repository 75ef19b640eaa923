"""The fast engine as a machine: where it stops, what it shows, what it needs."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from fpvm.cpu import EngineError
from fpvm.fast import FastMachine
from fpvm.isa import K1, Op
from fpvm.machine import HINT, STDERR, STDOUT, Machine, PreimageReached
from fpvm.memory import FRAMES_USED, Memory
from fpvm.oracle import keccak_key
from fpvm.state import ZERO_WORD
from tests.fpvm.machines import (
    CODE,
    DATA,
    FIRST,
    KEYS,
    MIXED,
    NOP,
    OVERFLOW,
    PAGE,
    SECOND,
    Preimages,
    Screen,
    addiu,
    addu,
    assemble,
    beq,
    imm,
    jr,
    jump,
    loop,
    lw,
    program,
    read,
    registers,
    select,
    shown,
    sw,
    write,
)

ENGINES = [Machine, FastMachine]
WORK = [addiu(9, 9, 1)] * 40
MAX = 0x7FFF_FFFF


# --- Where it stops -------------------------------------------------------------------------------


def test_a_run_stops_exactly_where_it_is_told():
    spec = MIXED.start(Machine)
    for stop in range(600):
        spec.run(stop)
        fast = MIXED.start(FastMachine)
        fast.run(stop)
        assert fast.state() == spec.state()
    assert (spec.exited, spec.step) == (True, spec.step)
    assert spec.step < 600


@pytest.mark.parametrize("seed", range(20))
def test_a_run_may_be_cut_into_any_slices(seed):
    rng = random.Random(seed)
    spec, fast = MIXED.start(Machine), MIXED.start(FastMachine)
    while not spec.exited:
        until = spec.step + rng.choice((0, 1, 5, 24, 25, 26, 60, 200))
        spec.run(until)
        fast.run(until)
        assert registers(fast) == registers(spec)
        if rng.random() < seed / 20:
            assert fast.state() == spec.state()
    assert fast.state() == spec.state()
    assert shown(fast) == shown(spec) != []


@pytest.mark.parametrize("engine", ENGINES)
def test_an_earlier_step_changes_nothing(engine):
    machine = MIXED.start(engine)
    machine.run(100)
    before = machine.state()
    machine.run(100)
    machine.run(3)
    machine.run(-1)
    assert machine.state() == before


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("until", [1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 70])
def test_the_end_may_be_any_number_of_steps_away(engine, until):
    machine = MIXED.start(engine)
    machine.run(until)
    assert machine.exited
    assert machine.state().exit_code == 3


@pytest.mark.parametrize("start", [(1 << 32) - 30, (1 << 62) - 30, (1 << 63) - 30, (1 << 64) - 400])
def test_step_counters_of_any_size(start):
    setup = replace(MIXED, fields={"step": start})
    spec, fast = setup.start(Machine), setup.start(FastMachine)
    for until in (start + 29, start + 60, start + 399):
        spec.run(until)
        fast.run(until)
        assert fast.state() == spec.state()
    assert spec.step == start + 399


@pytest.mark.parametrize("engine", ENGINES)
def test_a_halted_machine_stays_as_it_is(engine):
    machine = MIXED.start(engine)
    machine.run(1 << 40)
    final = machine.state()
    machine.run(1 << 50)
    assert machine.state() == final


def test_an_engine_starts_from_any_state_of_another():
    """From within delay slots, between LL and SC, behind faults."""
    ahead, spec = MIXED.start(Machine), MIXED.start(Machine)
    ahead.run(60)
    while not spec.exited:
        fast = FastMachine(spec.state(), spec.memory.clone(), Preimages(FIRST), Screen())
        fast.run(ahead.step)
        assert fast.state() == ahead.state(), spec.step
        for machine in (spec, ahead):
            machine.run(machine.step + 2)


def test_two_engines_do_not_disturb_each_other():
    other = program(addiu(2, 2, 1), sw(2, 0, 16), beq(0, 0, -3), NOP, regs={16: DATA})
    pairs = [[setup.start(engine) for engine in ENGINES] for setup in (MIXED, other)]
    for until in range(0, 400, 33):
        for spec, fast in pairs:
            spec.run(until)
            fast.run(until)
            assert fast.state() == spec.state()


@pytest.mark.parametrize("used", [1 << 18, (1 << 19) - 3, (1 << 20) - 9])
def test_pages_may_be_kept_anywhere(used):
    """After so many others, in the 4 GiB that hold them."""
    spec = MIXED.start(Machine)
    memory = Memory()
    memory.control[FRAMES_USED] = used
    for page, content in spec.memory.pages():
        memory.write(page * PAGE, content)
    fast = FastMachine(spec.state(), memory, Preimages(FIRST), Screen())
    for until in (100, 300, 600):
        spec.run(until)
        fast.run(until)
        assert fast.state() == spec.state()
    assert used < memory.control[FRAMES_USED] < 1 << 20


def test_dirty_pages_are_exactly_those_that_were_written():
    code = [lw(2, 0, 16), sw(2, 0, 17), imm(Op.SB, 18, 2, 0), lw(3, 0x7000, 16), *WORK, loop()]
    regs = {16: DATA, 17: DATA + 3 * PAGE, 18: DATA + 9 * PAGE + 5}
    for engine in ENGINES:
        machine = program(code, regs=regs).start(engine)
        machine.run(100)
        written = {(DATA >> 12) + 3, (DATA >> 12) + 9}
        assert set(machine.memory.dirty_pages().tolist()) == written
        machine.state()
        assert machine.memory.dirty_pages().size == 0
        machine.run(200)
        assert machine.memory.dirty_pages().size == 0


# --- What it shows --------------------------------------------------------------------------------


def test_the_kernel_may_write_at_once_after_a_fault():
    """The fault is early in a long block: the steps behind it are the kernel's, and are new."""
    kernel = assemble(write(STDERR, DATA, 4), addiu(K1, K1, 4), jr(K1), NOP)
    code = [WORK, OVERFLOW, WORK, OVERFLOW, WORK, loop()]
    for engine in ENGINES:
        machine = program(code, kernel=kernel, regs={8: MAX}, memory={DATA: b"oops"}).start(engine)
        machine.run(400)
        assert shown(machine) == [(STDERR, b"oops")] * 2


@pytest.mark.parametrize("stop", [0, *range(40, 140, 3)])
def test_everything_is_shown_once_however_often_it_is_executed(stop):
    """A fault sends the engine back over writes, and over faults it met in small steps before."""
    part = [*[addiu(9, 9, 1), beq(0, 0, 1), NOP] * 8, OVERFLOW, write(STDOUT, DATA, 3)]
    code = [part, sw(9, 0x10, 16), part, write(HINT, DATA + 8, 6), part, loop()]
    memory = {DATA: b"abc     \0\0\0\2hi"}
    machines = [
        program(code, regs={8: MAX, 16: DATA}, memory=memory).start(engine) for engine in ENGINES
    ]
    for machine in machines:
        machine.run(stop)
        machine.run(400)
        assert shown(machine) == [(STDOUT, b"abc")] * 3
        assert machine.surroundings._oracle.hints == [b"hi"]


# --- What it needs --------------------------------------------------------------------------------

#: Two preimages in turn, the first one twice, an overflow behind each reading.
READINGS = program(
    select(0), sw(8, 0x100, 16), read(DATA + 0x100, 0), WORK, beq(0, 0, 1), NOP,
    sw(8, 0x100, 16), read(DATA + 0x100, 1), WORK, OVERFLOW, WORK, beq(0, 0, 1), NOP,
    select(1), sw(8, 0x200, 16), read(DATA + 0x200, 0), write(STDOUT, DATA + 0x200, 5),
    WORK, OVERFLOW, WORK, read(DATA + 0x300, 4), OVERFLOW, WORK, loop(),
    regs={8: MAX, 16: DATA}, memory=KEYS, preimages=(FIRST, SECOND),
)  # fmt: skip


@pytest.mark.parametrize("stop", range(0, 160, 5))
def test_going_back_over_a_preimage_reads_that_one_again(stop):
    spec, fast = READINGS.start(Machine), READINGS.start(FastMachine)
    for until in (stop, 600):
        spec.run(until)
        fast.run(until)
        assert fast.state() == spec.state()


@pytest.mark.parametrize("key", [b"", keccak_key(FIRST), keccak_key(SECOND), bytes(32)])
def test_a_run_stops_before_every_reading_of_a_preimage_and_never_goes_back(key):
    reached = []
    for engine in ENGINES:
        machine = READINGS.start(engine)
        steps = []
        while (found := machine.run_to_preimage(key, 700)) is not None:
            assert machine.run_to_preimage(key, 700) == found, "it is still there"
            assert machine.core.oracle_key == found
            steps.append((machine.step, found))
            machine.run(machine.step + 1)
        assert machine.step == 700
        reached.append((steps, machine.state()))
    assert reached[0] == reached[1]
    assert len(reached[0][0]) == {b"": 4, bytes(32): 0}.get(key, 2)


def test_a_run_to_a_preimage_ends_at_the_exit():
    for engine in ENGINES:
        machine = MIXED.start(engine)
        assert machine.run_to_preimage(keccak_key(SECOND)) is None
        assert machine.exited


def test_a_preimage_is_not_stopped_at_unless_asked_for():
    with pytest.raises(PreimageReached):
        raise PreimageReached(b"key")
    machine = READINGS.start(FastMachine)
    machine.run_to_preimage()
    machine.run(700)
    assert machine.step == 700


@pytest.mark.parametrize("stop", [0, 90, 130, 150])
def test_a_missing_preimage_stops_the_run_where_it_is_needed(stop):
    spec, fast = READINGS.start(Machine), READINGS.start(FastMachine)
    for machine in (spec, fast):
        machine.surroundings._oracle = Preimages(FIRST)
        machine.run(stop)
        for _ in range(2):
            with pytest.raises(KeyError):
                machine.run(600)
    assert fast.state() == spec.state()
    for machine in (spec, fast):
        machine.surroundings._oracle = Preimages(FIRST, SECOND)
        machine.run(600)
    assert fast.state() == spec.state()
    assert shown(fast) == shown(spec) == [(STDOUT, SECOND[:5])]


class Forgetful(Preimages):
    """Serves so many preimages, and then no more until it is reminded."""

    left = 0

    def get(self, key: bytes) -> bytes:
        if not self.left:
            raise KeyError(key)
        self.left -= 1
        return super().get(key)


@pytest.mark.parametrize("served", range(1, 9))
def test_a_source_may_fail_at_any_time(served):
    """Even when the engine goes back over a preimage it was given before."""
    spec, fast = READINGS.start(Machine), READINGS.start(FastMachine)
    source = fast.surroundings._oracle = Forgetful(FIRST, SECOND)
    while fast.step < 600:
        source.left = served
        try:
            fast.run(600)
        except KeyError:
            served = 8
    spec.run(600)
    assert fast.state() == spec.state()
    assert shown(fast) == shown(spec)


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 4095, 4096, 32768, 3 << 20])
def test_preimages_of_any_length(length):
    preimage = bytes(i * 7 & 0xFF for i in range(length))
    ends = sorted({0, 1, max(0, length - 33), max(0, length - 1), length, length + 1})
    code = [select(0)]
    for offset in ends:
        code += [read(DATA + PAGE + 4, offset), addu(9, 9, 2), addu(10, 10, 3), sw(9, 0x800, 16)]
    setup = program(
        code, loop(), regs={16: DATA}, memory={DATA: keccak_key(preimage)}, preimages=(preimage,)
    )
    spec, fast = setup.start(Machine), setup.start(FastMachine)
    for until in (30, 100, 101, 200):
        spec.run(until)
        fast.run(until)
        assert fast.state() == spec.state()


@pytest.mark.parametrize("kind", [0, 1, 3, 5, 255])
def test_keys_of_unknown_type_have_no_preimage(kind):
    setup = program(
        select(0), read(DATA + 0x100, 0), WORK, read(DATA, 0), loop(),
        regs={2: 5, 3: 5}, memory={DATA: bytes([kind]) + bytes(31)},
    )  # fmt: skip
    spec, fast = setup.start(Machine), setup.start(FastMachine)
    for machine in (spec, fast):
        machine.run(100)
        assert machine.core.regs[2:4] == [0, 0]
    assert fast.state() == spec.state()


def test_reading_a_preimage_over_code_changes_the_code():
    new = assemble(addiu(11, 11, 1), jr(31), NOP)
    code = [select(0), WORK[:10], jump(CODE + PAGE, Op.JAL), NOP, WORK[:10]]
    code += [read(CODE + PAGE, 0), jump(CODE + PAGE, Op.JAL), NOP, loop()]
    memory = {CODE + PAGE: assemble(addiu(12, 12, 1), jr(31), NOP), DATA: keccak_key(new)}
    setup = program(code, memory=memory, preimages=(new,))
    spec, fast = setup.start(Machine), setup.start(FastMachine)
    for machine in (spec, fast):
        machine.run(80)
        assert machine.core.regs[11:13] == [1, 1]
    assert fast.state() == spec.state()


# --- The pinned Unicorn ---------------------------------------------------------------------------


def test_another_version_of_unicorn_is_refused(monkeypatch):
    monkeypatch.setattr("unicorn.__version__", "2.1.4")
    with pytest.raises(EngineError, match=r"unicorn 2\.1\.2 is required, 2\.1\.4 is installed"):
        MIXED.start(FastMachine)


def test_a_unicorn_with_another_layout_is_refused(monkeypatch):
    monkeypatch.setattr("fpvm.cpu._HI", 44)
    with pytest.raises(EngineError, match="no register at word 44"):
        MIXED.start(FastMachine)


def test_the_registers_of_an_engine_are_those_of_its_state():
    """Every field of the CPU that the engine carries over has its place, LL's included."""
    rng = random.Random(5)
    regs = {number: rng.getrandbits(32) for number in range(1, 32)}
    fields = {name: rng.getrandbits(32) for name in ("hi", "lo", "ll_addr", "ll_value")}
    fast = program(loop(), regs=regs, **fields).start(FastMachine)
    before = registers(fast)
    fast.run(1000)
    assert registers(fast) == replace(before, step=1000, mem_root=ZERO_WORD)
