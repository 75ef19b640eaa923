"""A machine that runs: a core, its memory, the host around it. This one steps the specification.

:class:`fpvm.fast.FastMachine` does the same at native speed and can take this one's place anywhere.
"""

from __future__ import annotations

from collections.abc import Callable

from fpvm.memory import Memory
from fpvm.oracle import Source
from fpvm.preimage_protocol import HintStream
from fpvm.state import State
from fpvm.step import MASK32, MASK64, Core, step

#: Channels of the VM call WRITE.
STDOUT, STDERR, HINT = 1, 2, 3
#: What a single WRITE may show. A program may claim 4 GiB of output in one step; nobody reads that.
MAX_WRITE = 1 << 20
#: Whoever runs a machine far does so in slices: the display and Ctrl-C get their turn between two
#: calls of :meth:`Machine.run`. A slice takes well under a second.
SLICE = 1 << 26


Console = Callable[[int, bytes], None]
"""Takes a channel, STDOUT or STDERR, and what the program writes to it."""


def silent(channel: int, data: bytes) -> None:
    """A console that nobody reads."""


class PreimageReached(Exception):
    """A run that was to stop at a preimage is about to read it."""

    def __init__(self, key: bytes) -> None:
        super().__init__(f"about to read preimage 0x{key.hex()}")
        self.key = key


class Surroundings:
    """The host of a running machine: serves preimages, shows output, puts hints together."""

    def __init__(self, memory: Memory, oracle: Source, console: Console) -> None:
        self._memory = memory
        self._oracle = oracle
        self._console = console
        self._hints = HintStream()
        #: Stop before reading this preimage; b"" is any; None is none.
        self.stop_at: bytes | None = None
        #: While set, output and hints are dropped: the machine repeats steps it has done before.
        self.muted = False
        #: The preimage that was served last.
        self.served: bytes | None = None

    def preimage(self, key: bytes) -> bytes:
        if self.stop_at is not None and self.stop_at in (b"", key):
            raise PreimageReached(key)
        self.served = self._oracle.get(key)
        return self.served

    def write(self, channel: int, address: int, length: int) -> None:
        if self.muted:
            return
        if channel in (STDOUT, STDERR):
            self._console(channel, self._memory.read(address, min(length, MAX_WRITE)))
        elif channel == HINT:
            for hint in self._hints.feed(self._memory.read(address, min(length, MAX_WRITE))):
                self._oracle.hint(hint)


class Machine:
    """Runs from a state to any later step, by the specification.

    The machine owns ``memory`` from here on. An error of the oracle leaves it at the step that
    needs the preimage, from which :meth:`run` goes on once the preimage is there.
    """

    def __init__(
        self, state: State, memory: Memory, oracle: Source, console: Console = silent
    ) -> None:
        self.memory = memory
        self.surroundings = Surroundings(memory, oracle, console)
        self.core = Core(state, memory, self.surroundings)

    @property
    def exited(self) -> bool:
        return self.core.exited

    @property
    def step(self) -> int:
        """Instructions retired."""
        return self.core.step

    def state(self) -> State:
        """The state now, with the root of memory brought up to date."""
        return self.core.state(self.memory.root())

    def run(self, until: int) -> None:
        """Run to step ``until`` exactly, or to the exit. Never backwards: an earlier step is a
        no-op.

        Raises what the oracle raises.
        """
        core = self.core
        while core.step < until and not core.exited:
            step(core)

    def run_to_preimage(self, key: bytes = b"", until: int = MASK64) -> bytes | None:
        """Run until the next step reads the preimage of ``key`` (of any key, if empty).

        Returns the key, or None if the program exits, or reaches ``until``, first.
        """
        self.surroundings.stop_at = key
        try:
            self.run(until)
        except PreimageReached as reached:
            return reached.key
        finally:
            self.surroundings.stop_at = None
        return None

    def word(self, address: int) -> int:
        """The word at ``address``, a multiple of 4."""
        return int.from_bytes(self.memory.read(address & MASK32, 4), "big")
