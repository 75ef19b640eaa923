"""State hashes over a window, against one run for each of them."""

from __future__ import annotations

import pytest

from fpvm import trace as trace_module
from fpvm.elf import kernel_image, load
from fpvm.fast import FastMachine
from fpvm.history import History
from fpvm.isa import A0, A1, Call
from fpvm.machine import Machine
from fpvm.memory import Memory
from fpvm.oracle import Oracle, PreimageMissing, keccak_key
from fpvm.sources import DictSource
from fpvm.state import genesis
from fpvm.trace import history, trace
from programs.build import build
from tests.fpvm.machines import DATA, NOP, addiu, bne, li, program, sw, syscall

ENGINES = pytest.mark.parametrize("engine", [Machine, FastMachine])

#: Fills 1000 words and halts: rounds of six steps.
ROUNDS = 1000
FILL = program(
    *(li(8, DATA), li(9, ROUNDS)),
    *(sw(9, 0, 8), addiu(9, 9, -1), addiu(8, 8, 4), NOP, bne(9, 0, -5), NOP),
    *(li(A1, DATA), syscall(Call.HALT)),
)
HALT = 4 + 6 * ROUNDS + 3


def single(step: int, engine: type[Machine] = Machine) -> bytes:
    """The hash of the state at ``step``, by a run of its own."""
    machine = FILL.start(engine)
    machine.run(step)
    return machine.state().hash()


@pytest.fixture(scope="module")
def every() -> list[bytes]:
    """The hash of every state, by the specification, one step at a time."""
    machine = FILL.start(Machine)
    hashes = [machine.state().hash()]
    while not machine.exited:
        machine.run(machine.step + 1)
        hashes.append(machine.state().hash())
    assert machine.step == HALT
    return hashes


@ENGINES
def test_a_stride_of_one_gives_every_state(engine: type[Machine], every: list[bytes]) -> None:
    assert list(trace(FILL.start(engine), 0, 1, HALT)) == every
    assert len(set(every)) == HALT + 1


@ENGINES
@pytest.mark.parametrize(
    ("start", "stride", "count"),
    [
        (0, 1, 0),
        (0, 2, 100),
        (5, 7, 50),
        (17, 64, 40),
        (1234, 999, 4),
        (HALT - 1, 1, 1),
        (0, HALT, 1),
    ],
)
def test_a_window_is_cut_out_of_the_run(
    engine: type[Machine], every: list[bytes], start: int, stride: int, count: int
) -> None:
    machine = FILL.start(engine)
    assert list(trace(machine, start, stride, count)) == every[start::stride][: count + 1]
    assert machine.step == start + stride * count


@ENGINES
def test_a_state_is_what_a_run_of_its_own_leads_to(engine: type[Machine]) -> None:
    for index, state_hash in enumerate(trace(FILL.start(engine), 3, 1001, 5)):
        assert state_hash == single(3 + 1001 * index, engine) == single(3 + 1001 * index)


@ENGINES
def test_a_trace_ends_in_the_state_that_has_halted(
    engine: type[Machine], every: list[bytes]
) -> None:
    machine = FILL.start(engine)
    assert list(trace(machine, 0, 1000, 100)) == [*every[::1000], every[-1]]
    assert machine.exited
    # On the stride exactly, the halted state is there once; and from the halt on there is no other.
    assert list(trace(FILL.start(engine), HALT - 20, 10, 100)) == [
        every[-21],
        every[-11],
        every[-1],
    ]
    for start in (HALT, HALT + 1, 1 << 40):
        assert list(trace(FILL.start(engine), start, 1, 100)) == [every[-1]]
        assert list(trace(machine, start, 1, 100)) == [every[-1]]


@ENGINES
def test_a_machine_may_have_run_before(engine: type[Machine], every: list[bytes]) -> None:
    machine = FILL.start(engine)
    machine.run(100)
    assert list(trace(machine, 100, 3, 2)) == [every[100], every[103], every[106]]
    assert list(trace(machine, 106, 1, 1)) == [every[106], every[107]]


def test_what_a_trace_goes_over_at_once_does_not_matter(
    every: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace_module, "SLICE", 97)
    assert list(trace(FILL.start(FastMachine), 11, 500, 3)) == every[11::500][:4]


@pytest.mark.parametrize(("start", "stride"), [(0, 0), (0, -1), (99, 1), (0, 1), (-1, 1)])
def test_no_trace_goes_back(start: int, stride: int) -> None:
    machine = FILL.start(Machine)
    machine.run(100)
    with pytest.raises(ValueError, match=f"from step {start} by {stride}"):
        list(trace(machine, start, stride, 1))
    assert machine.step == 100


@ENGINES
def test_a_trace_lacking_a_preimage_gives_what_comes_before(engine: type[Machine]) -> None:
    machine = program(
        *(li(A0, DATA), syscall(Call.ORACLE_KEY), syscall(Call.ORACLE_READ)),
        memory={DATA: keccak_key(b"missing")},
    ).start(engine)
    machine.surroundings._oracle = Oracle(DictSource())
    hashes = trace(machine, 0, 2, 10)
    assert len({next(hashes), next(hashes)}) == 2
    with pytest.raises(PreimageMissing):
        next(hashes)
    assert machine.step == 3


@ENGINES
@pytest.mark.parametrize(
    ("start", "stride", "height"),
    [(0, 1, 6), (0, 1, 13), (100, 50, 0), (100, 50, 5), (0, 1 << 20, 3)],
)
def test_a_history_commits_to_a_trace_and_repeats_its_end(
    engine: type[Machine], every: list[bytes], start: int, stride: int, height: int
) -> None:
    window = [every[min(start + stride * i, HALT)] for i in range((1 << height) + 1)]
    made = history(FILL.start(engine), start, stride, height)
    assert made.height == height
    assert [made.state(position) for position in range((1 << height) + 1)] == window
    assert made.root() == History(window[0], window[1:], height).root()


def test_a_real_program_is_traced_as_it_runs() -> None:
    """Its memory is larger, and the kernel is part of it."""

    def start() -> FastMachine:
        program = load(build("sha256chain_c").read_bytes(), kernel_image())
        memory = Memory(program.pages)
        word = (300).to_bytes(32)
        return FastMachine(genesis(memory.root(), program.pc, word), memory, Oracle(DictSource()))

    stride = 1 << 16
    hashes = list(trace(start(), 0, stride, 1 << 20))
    assert len(hashes) > 10
    for index in (0, 1, 7, len(hashes) - 2, len(hashes) - 1):
        machine = start()
        machine.run(index * stride)
        assert machine.state().hash() == hashes[index]
        assert machine.exited == (index == len(hashes) - 1)
