"""Small worlds to hold disputes in: programs of a few instructions, and a computation without any.

A world has what a dispute is about: terms, a judge, the honest histories, an origin. Each word
of a VM world's native history is the outcome of its program on the word before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from dispute.agent import Histories
from dispute.hash_chain import ChainHistories, ChainStep, chain_table
from dispute.protocol import Dispute, Judge
from dispute.table import Level, Table, Terms
from dispute.vm import GivenWords, ProgramRuns, SameStates, Steps
from fpvm.history import History
from fpvm.isa import A0, A1, Call, Op
from fpvm.machine import Machine
from fpvm.oracle import keccak_key
from fpvm.proof import Witness, prove
from fpvm.state import State, genesis, outcome
from tests.fpvm.machines import BREAK, DATA, Setup, imm, loop, lw, program, sw, syscall

ORIGIN = bytes(28) + (7).to_bytes(4, "big")
SINK = b"\x51" * 20
BOUNTY = 10**15
STAKE = 10**18
PREIMAGE = b"what the program asks for"


@dataclass(frozen=True)
class World:
    """Something to disagree about. ``setup``: the program, in a world of the VM."""

    name: str
    table: Table
    judge: Judge
    histories: Histories
    origin: bytes = ORIGIN
    setup: Setup | None = None

    def model(self) -> Dispute:
        """A new contract, as a model."""
        return Dispute(self.table, self.judge)


def terms(heights: tuple[int, ...], censorship: int = 20, delay: int = 0) -> Terms:
    """The shortest terms on which the contract is deployed."""
    moves = sum(heights) + len(heights) + 1
    allowance = censorship + (delay + 1) * moves
    return Terms(allowance + 1, censorship, delay, 0, BOUNTY, SINK)


# --- Programs -------------------------------------------------------------------------------------

#: A kernel that halts: an exception of the kernel itself does.
_HALTING = BREAK.to_bytes(4, "big")
T0, T1 = 8, 9
#: Where the word that a program computes is: at the end of a leaf, as numbers are.
_RESULT = DATA + 28


def _take_input() -> list[int]:
    """Five words: the last four bytes of the input are in t0, and a0 is their leaf."""
    return [imm(Op.LUI, 0, A0, DATA >> 16), syscall(Call.INPUT), lw(T0, 28, A0)]


def _give_result() -> list[int]:
    """Halt with the leaf at a0, whose last four bytes are t0."""
    return [sw(T0, 28, A0), imm(Op.ORI, A0, A1, 0), imm(Op.ORI, 0, A0, 0), syscall(Call.HALT)]


def _setup(*words: object, **more: object) -> Setup:
    return program(*words, kernel=_HALTING, **more)  # type: ignore[arg-type]


#: The program of each world. All come to an end within 16 steps, if at all.
PROGRAMS: dict[str, Setup] = {
    # The number after the input; the rest of the input stays.
    "count": _setup(_take_input(), imm(Op.ADDIU, T0, T0, 1), _give_result()),
    # The number after the input if that is even, else it fails.
    "trap": _setup(
        _take_input(),
        imm(Op.ADDIU, T0, T0, 1),
        imm(Op.ANDI, T0, T1, 1),
        imm(Op.BEQ, T1, 0, 2),
        0,
        BREAK,
        _give_result(),
    ),
    # Never halts.
    "loop": _setup(_take_input(), loop()),
    # Adds a word of a preimage to its input.
    "preimage": _setup(
        _take_input(),
        imm(Op.ADDIU, A0, A0, 32),
        syscall(Call.ORACLE_KEY),
        imm(Op.ADDIU, A0, A0, 32),
        imm(Op.ORI, 0, A1, 5),
        syscall(Call.ORACLE_READ),
        lw(T1, 0, A0),
        imm(Op.SPECIAL, T0, T1, T0 << 11 | 0x21),
        imm(Op.ADDIU, A0, A0, -64),
        _give_result(),
        memory={DATA + 32: keccak_key(PREIMAGE)},
        preimages=(PREIMAGE,),
    ),
}


@dataclass(frozen=True)
class VmHistories:
    """The honest histories of a program: words, and runs in strides down to one step."""

    setup: Setup
    heights: tuple[int, ...]
    _runs: dict[bytes, tuple[tuple[State, ...], tuple[Witness, ...]]] = field(default_factory=dict)
    _kept: dict[tuple[bytes, tuple[int, ...]], History] = field(default_factory=dict)

    def history(self, origin: bytes, path: tuple[int, ...]) -> History:
        if (origin, path) not in self._kept:
            height = self.heights[len(path)]
            first, *rest = self._states(origin, path)
            self._kept[origin, path] = History(first, rest, height)
        return self._kept[origin, path]

    def outcome_proof(self, origin: bytes, path: tuple[int, ...]) -> bytes:
        if len(path) > 1:
            return b""
        return self._run(self.word(origin, path[0]))[0][-1].pack()

    def witness(self, origin: bytes, path: tuple[int, ...]) -> Witness:
        return self._run(self.word(origin, path[0]))[1][self._first(path)]

    def word(self, origin: bytes, position: int) -> bytes:
        """S(position) of the native history."""
        word = origin
        for _ in range(position):
            word = outcome(self._run(word)[0][-1])
        return word

    def _states(self, origin: bytes, path: tuple[int, ...]) -> Iterator[bytes]:
        positions = range((1 << self.heights[len(path)]) + 1)
        if not path:
            yield from (self.word(origin, position) for position in positions)
            return
        states = self._run(self.word(origin, path[0]))[0]
        first, stride = self._first(path), self._stride(len(path))
        yield from (states[first + stride * position].hash() for position in positions)

    def _stride(self, level: int) -> int:
        return 1 << sum(self.heights[level + 1 :])

    def _first(self, path: tuple[int, ...]) -> int:
        """The number of the step in which the history at ``path`` starts, in its run."""
        return sum(
            position * self._stride(level) for level, position in enumerate(path) if level > 0
        )

    def _run(self, word: bytes) -> tuple[tuple[State, ...], tuple[Witness, ...]]:
        """All states of the program's run on ``word``, and the witnesses of its steps."""
        if word not in self._runs:
            machine = self.setup.start(Machine)
            start = machine.state()
            machine.core.input = word
            assert machine.state() == genesis(start.mem_root, start.pc, word)
            states, witnesses = [machine.state()], []
            for step in range(self._stride(0)):
                witnesses.append(prove(machine))
                machine.run(step + 1)
                states.append(machine.state())
            self._runs[word] = (tuple(states), tuple(witnesses))
        return self._runs[word]


# --- Worlds ---------------------------------------------------------------------------------------


@cache
def vm_world(
    name: str = "count", heights: tuple[int, ...] = (2, 2, 2), terms_: Terms | None = None
) -> World:
    """A program of :data:`PROGRAMS`, at levels of these heights: the words, and one of the VM or
    more. Each level has another stake."""
    setup = PROGRAMS[name]
    start = setup.start(Machine).state()
    boundaries = (
        GivenWords(),
        ProgramRuns(start.mem_root, start.pc),
        *(SameStates() for _ in heights[2:]),
    )
    levels = tuple(
        Level(height, boundary, STAKE * (number + 1))
        for number, (height, boundary) in enumerate(zip(heights, boundaries, strict=True))
    )
    table = Table(levels, terms_ or terms(heights))
    return World(name, table, Steps(), VmHistories(setup, heights), ORIGIN, setup)


@cache
def chain_world(heights: tuple[int, ...] = (2, 2, 2), terms_: Terms | None = None) -> World:
    """A world without a machine: for the model only, as no contract judges its steps."""
    table = chain_table(heights, terms_ or terms(heights), STAKE)
    return World("chain", table, ChainStep(), ChainHistories(heights))
