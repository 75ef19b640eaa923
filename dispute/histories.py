"""The honest histories of a program: computed when they are asked for, and only once.

Level 0 is a list of words, each the outcome of the program on the one before it; the levels below
are of the runs that lead from word to word, with strides from the table down to one step. A dispute
asks for one history of each level, at places that the other side chooses. The machine runs there
from the nearest state that was put aside (:mod:`dispute.cache`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from dispute.agent import Histories
from dispute.cache import Cache
from dispute.protocol import ZERO_WORD
from dispute.table import Table
from dispute.vm import ProgramRuns
from fpvm.fast import FastMachine
from fpvm.history import History
from fpvm.machine import SLICE, Machine
from fpvm.memory import Memory
from fpvm.oracle import Oracle, OracleError, Source
from fpvm.proof import Witness, prove
from fpvm.state import State, StateError, genesis, outcome

__all__ = ["Histories", "HistoryError", "Program", "ProgramHistories", "Run", "RunHistories"]

#: States of histories, and witnesses, that are kept in memory: some 60 MB of them.
KEPT_STATES, KEPT_WITNESSES = 1 << 18, 256
#: A run that is long has so many states put aside, evenly; but none closer than this many steps.
CHECKPOINTS_PER_RUN, LEAST_INTERVAL = 32, 1 << 28
#: To run so many steps takes about as long as to put a state aside.
WORTH_PUTTING_ASIDE = 1 << 26

_WORD = 32
_UNFINISHED, _FINISHED = b"\0", b"\1"


class HistoryError(Exception):
    """Histories do not hang together: one does not lead to what the one above it says."""


@dataclass(frozen=True)
class Program:
    """A program before it is given its input. ``memory`` is never run on, only copied."""

    memory: Memory
    pc: int
    source: Source
    engine: type[Machine] = FastMachine

    def start(self, word: bytes) -> State:
        """The first state of the run on input ``word``."""
        return genesis(self.memory.root(), self.pc, word)


# --- One run --------------------------------------------------------------------------------------


class Run:
    """The run of a program on one word, over ``length`` steps: from the first on, or from wherever
    a state was put aside.

    Every function raises :class:`fpvm.oracle.OracleError` if a preimage cannot be had. What was
    computed until then is put aside, and the next call goes on from there.
    """

    def __init__(self, program: Program, word: bytes, length: int, folder: Path) -> None:
        self._program = program
        self.first = program.start(word)
        self._length = length
        self._interval = max(length // CHECKPOINTS_PER_RUN, LEAST_INTERVAL)
        self._cache = Cache(folder, self.first.pack() + length.to_bytes(8, "big"))
        self._end: State | None = None

    def end(self) -> State:
        """The state in which the program has halted, or after all steps."""
        if self._end is None:
            self._end = self._read_end()
        if self._end is None:
            walk = self._walk(self._length)
            walk.to(self._length)
            self._end = self._write_end(walk.machine.state())
        return self._end

    def witness(self, step: int) -> Witness:
        """The witness of the step from the state at ``step``."""
        return prove(self._machine_at(step).machine)

    def history(self, start: int, stride: int, height: int) -> History:
        """The states at ``start``, ``start`` + ``stride``, …: 2^height strides of them."""
        name = self._name(start, stride, height)
        states, is_finished = self._read(name, height)
        if not is_finished:
            states = self._trace(name, states, start, stride, height)
        return History(states[0], states[1:], height)

    def forget(self, start: int, stride: int, height: int) -> None:
        """Compute this history anew when it is next asked for."""
        self._cache.remove(self._name(start, stride, height))

    @staticmethod
    def _name(start: int, stride: int, height: int) -> str:
        return f"{start}-by-{stride}-height-{height}.history"

    # --- Running ---

    def _walk(self, step: int) -> _Walk:
        """From the nearest state that is at ``step`` or before it."""
        nearest = self._cache.nearest(step)
        state, memory = nearest or (self.first, self._program.memory.clone())
        machine = self._program.engine(state, memory, Oracle(self._program.source))
        return _Walk(machine, self._cache, self._interval)

    def _machine_at(self, step: int) -> _Walk:
        """At ``step``, or where the program has halted before."""
        walk = self._walk(step)
        walk.to(step)
        if walk.since_put_aside >= WORTH_PUTTING_ASIDE:
            walk.put_aside()
        return walk

    def _trace(
        self, name: str, states: list[bytes], start: int, stride: int, height: int
    ) -> list[bytes]:
        """All states of a history, of which ``states`` are known."""
        if states:
            walk = self._walk(start + len(states) * stride - 1)
            states = states[: max(walk.machine.step - start + stride, 0) // stride]
        else:
            walk = self._machine_at(start)
        try:
            while len(states) <= 1 << height:
                put_aside = walk.put_aside_at
                walk.to(start + len(states) * stride)
                states.append(walk.machine.state().hash())
                if walk.machine.exited:
                    break
                if walk.put_aside_at != put_aside:
                    self._write(name, states, _UNFINISHED)
        except OracleError:
            self._write(name, states, _UNFINISHED)
            raise
        self._write(name, states, _FINISHED)
        if walk.machine.exited or walk.machine.step == self._length:
            self._write_end(walk.machine.state())
        return states

    # --- Reading and writing ---

    def _read_end(self) -> State | None:
        packed = self._cache.read("end")
        try:
            return State.unpack(packed) if packed else None
        except StateError:
            return None

    def _write_end(self, end: State) -> State:
        self._cache.write("end", end.pack())
        return end

    def _read(self, name: str, height: int) -> tuple[list[bytes], bool]:
        """The states of a history that have been computed, and whether those are all."""
        content = self._cache.read(name) or b""
        flag, words = content[:1], content[1:]
        count = len(words) // _WORD
        if len(words) % _WORD or not 0 < count <= (1 << height) + 1:
            return [], False
        states = [words[at : at + _WORD] for at in range(0, len(words), _WORD)]
        return states, flag == _FINISHED

    def _write(self, name: str, states: list[bytes], flag: bytes) -> None:
        if states:
            self._cache.write(name, flag + b"".join(states))


class _Walk:
    """A machine on its way, which has its state put aside every ``interval`` steps."""

    def __init__(self, machine: Machine, cache: Cache, interval: int) -> None:
        self.machine = machine
        self._cache = cache
        self._interval = interval
        self.put_aside_at = machine.step

    @property
    def since_put_aside(self) -> int:
        """Steps that would have to be run again."""
        return self.machine.step - self.put_aside_at

    def to(self, step: int) -> None:
        """Run to ``step``, or to the exit. If a preimage is missing, puts aside how far it came."""
        machine = self.machine
        try:
            while machine.step < step and not machine.exited:
                machine.run(min(step, machine.step + SLICE))
                if self.since_put_aside >= self._interval:
                    self.put_aside()
        except OracleError:
            self.put_aside()
            raise

    def put_aside(self) -> None:
        self.put_aside_at = self.machine.step
        self._cache.put_aside(self.machine.state(), self.machine.memory)


# --- All histories of a dispute -------------------------------------------------------------------


class RunHistories(ABC):
    """The histories of disputes about words and the runs of a program between them.

    How word follows word, and which run it is that leads from one to the next, is for those who are
    of this class to say.
    """

    def __init__(self, heights: Sequence[int]) -> None:
        self._heights = tuple(heights)
        self._histories: _Recent[History] = _Recent(KEPT_STATES, lambda h: len(h.traced))
        self._witnesses: _Recent[Witness] = _Recent(KEPT_WITNESSES, lambda _: 1)

    @abstractmethod
    def _words(self, origin: bytes) -> History:
        """The history of level 0."""

    @abstractmethod
    def _run(self, origin: bytes, index: int) -> Run:
        """The run that leads from word ``index`` to the one after it."""

    def history(self, origin: bytes, path: tuple[int, ...]) -> History:
        """The history that refines the steps at ``path``: () is level 0.

        Raises ValueError for a path that no history is at, :class:`fpvm.oracle.OracleError` if a
        preimage cannot be had, and :class:`HistoryError`.
        """
        self._check_path(path, len(self._heights) - 1)
        key = (origin, path)
        found = self._histories.get(key)
        if found is None:
            found = self._linked(origin, path) if path else self._words(origin)
            self._histories.put(key, found)
        return found

    def outcome_proof(self, origin: bytes, path: tuple[int, ...]) -> bytes:
        """What the boundary above the history at ``path`` needs to tell its outcome: the packed end
        of a run; between levels of the VM, nothing. Raises as :meth:`history` does."""
        self._check_path(path, len(self._heights) - 1)
        return self.run(origin, path).end().pack() if len(path) == 1 else b""

    def witness(self, origin: bytes, path: tuple[int, ...]) -> Witness:
        """The witness of one step; ``path`` has a position for every level.

        Raises as :meth:`history` does.
        """
        self._check_path(path, len(self._heights))
        if len(path) < len(self._heights):
            raise ValueError(f"{path} leads to no step: it has {len(path)} positions")
        key = (origin, path)
        found = self._witnesses.get(key)
        if found is None:
            found = self.run(origin, path).witness(self._first_step(path))
            self._witnesses.put(key, found)
        return found

    def run(self, origin: bytes, path: tuple[int, ...]) -> Run:
        """The run that the steps at ``path`` are of."""
        return self._run(origin, path[0])

    # --- Where a path leads ---

    def _check_path(self, path: tuple[int, ...], longest: int) -> None:
        if len(path) > longest:
            raise ValueError(f"{path} is longer than the levels below level 0")
        for level, position in enumerate(path):
            if not 0 <= position < 1 << self._heights[level]:
                raise ValueError(f"{path}: level {level} has no step from position {position}")

    def _stride(self, level: int) -> int:
        """Steps from one state of a history to the next."""
        return 1 << sum(self._heights[level + 1 :])

    def _first_step(self, path: tuple[int, ...]) -> int:
        """The step, in its run, that what is at ``path`` starts from."""
        return sum(path[level] * self._stride(level) for level in range(1, len(path)))

    # --- Runs ---

    def _linked(self, origin: bytes, path: tuple[int, ...]) -> History:
        """The history at ``path``, which has to lead to what the one above it says.

        If it does not, a file from the cache may be to blame: then it is computed anew, once.
        """
        level = len(path)
        run = self.run(origin, path)
        window = self._first_step(path), self._stride(level), self._heights[level]
        found = run.history(*window)
        if not self._leads_on(origin, path, run, found):
            run.forget(*window)
            found = run.history(*window)
            if not self._leads_on(origin, path, run, found):
                raise HistoryError(self._contradiction(origin, path, run))
        return found

    def _leads_on(self, origin: bytes, path: tuple[int, ...], run: Run, found: History) -> bool:
        """Whether a history starts and ends as the one above it says."""
        above, position = self.history(origin, path[:-1]), path[-1]
        first, last = found.state(0), found.state(1 << found.height)
        if len(path) > 1:
            return (first, last) == (above.state(position), above.state(position + 1))
        end = run.end()
        return (first, last) == (run.first.hash(), end.hash()) and (
            outcome(end) == above.state(position + 1)
        )

    def _contradiction(self, origin: bytes, path: tuple[int, ...], run: Run) -> str:
        if len(path) > 1:
            return f"the history at {path} does not lead to what the one above it says"
        claimed = self.history(origin, ()).state(path[0] + 1)
        computed = outcome(run.end())
        return (
            f"word {path[0] + 1} of level 0 is 0x{claimed.hex()}, but the VM computes"
            f" 0x{computed.hex()}"
        )


class ProgramHistories(RunHistories):
    """The histories of disputes over a program, on the terms of ``table``.

    ``native``: computes the program's outcome on a word without the VM, where there is such an
    implementation; without one, the VM runs on every word of level 0.
    """

    def __init__(
        self,
        start: State,
        memory: Memory,
        source: Source,
        table: Table,
        cache: Path,
        *,
        native: Callable[[bytes], bytes] | None = None,
        engine: type[Machine] = FastMachine,
    ) -> None:
        """``start``: a first state of the program, on whatever input, and its memory. ``cache``: a
        folder, which need not exist.

        Raises ValueError for a state that is not a program's first one, and for a table that is not
        of this program.
        """
        if start != genesis(memory.root(), start.pc, start.input):
            raise ValueError("the state to start from is not the first one of a program")
        boundaries = [level.boundary for level in table.levels]
        if len(boundaries) < 2 or boundaries[1] != ProgramRuns(start.mem_root, start.pc):
            raise ValueError("the table is of another program")
        super().__init__([level.height for level in table.levels])
        self._program = Program(memory, start.pc, source, engine)
        self._table = table
        self._folder = cache
        self._native = native
        self._runs: dict[bytes, Run] = {}
        self._outcomes: dict[bytes, bytes] = {}

    def _words(self, origin: bytes) -> History:
        height = self._heights[0]
        words = [self._table.levels[0].boundary.start(origin, 0, ZERO_WORD)]
        while len(words) <= 1 << height:
            word = self._outcome(words[-1])
            if word == words[-1]:
                break  # and so are all that follow
            words.append(word)
        return History(words[0], words[1:], height)

    def _outcome(self, word: bytes) -> bytes:
        """What the program computes on ``word``."""
        if word not in self._outcomes:
            native = self._native
            self._outcomes[word] = native(word) if native else outcome(self._run_on(word).end())
        return self._outcomes[word]

    def _run(self, origin: bytes, index: int) -> Run:
        return self._run_on(self.history(origin, ()).state(index))

    def _run_on(self, word: bytes) -> Run:
        if word not in self._runs:
            self._runs[word] = Run(self._program, word, self._stride(0), self._folder)
        return self._runs[word]


T = TypeVar("T")


class _Recent(Generic[T]):
    """The values used last, of a total weight that is bounded; the newest is kept in any case."""

    def __init__(self, limit: int, weigh: Callable[[T], int]) -> None:
        self._limit, self._weigh = limit, weigh
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._weight = 0

    def get(self, key: Hashable) -> T | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Hashable, value: T) -> None:
        self._kept[key] = value
        self._weight += self._weigh(value)
        while self._weight > self._limit and len(self._kept) > 1:
            self._weight -= self._weigh(self._kept.popitem(last=False)[1])
