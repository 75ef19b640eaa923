"""What the command line needs around a machine: where it starts, what is shown while it runs."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console as Terminal
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from fpvm import checkpoint
from fpvm.elf import ElfError, kernel_image, load
from fpvm.fast import FastMachine
from fpvm.machine import SLICE, STDOUT, Console, Machine
from fpvm.memory import Memory
from fpvm.oracle import Oracle
from fpvm.sources import DictSource, open_source
from fpvm.state import ZERO_WORD, State, genesis
from fpvm.symbols import Symbols

#: Further than any run gets: the end of the step counter.
FOREVER = (1 << 64) - 1
#: How much of a program's output a report keeps.
MAX_KEPT = 1 << 20
#: Runs shorter than this show no progress, in seconds.
PATIENCE = 1.0

ENGINES: dict[str, type[Machine]] = {"fast": FastMachine, "spec": Machine}


class UsageError(ValueError):
    """An argument that cannot be what it is meant to be."""


@dataclass(frozen=True)
class Start:
    """Where a machine starts: a state with its memory, and the names in it."""

    state: State
    memory: Memory
    symbols: Symbols


def start(
    path: Path,
    arguments: Sequence[str] = (),
    environment: Sequence[str] = (),
    word: bytes | None = None,
) -> Start:
    """From an ELF file, its genesis on input ``word`` (by default zero); from a checkpoint, the
    state in it.

    Raises what reading either raises, and :class:`UsageError` for a checkpoint that is told to
    start otherwise than it did; each error is one line that names the file.
    """
    data = _read(path)
    if data.startswith(checkpoint.MAGIC):
        return _resume(path, data, bool(arguments or environment), word)
    try:
        program = load(data, kernel_image(), argv=[path.name, *arguments], env=environment)
    except ElfError as error:
        raise ElfError(f"{path}: {error}") from None
    memory = Memory(program.pages)
    return Start(genesis(memory.root(), program.pc, word or ZERO_WORD), memory, program.symbols)


def _read(path: Path) -> bytes:
    """A file's bytes. Pipes and devices may never come to an end."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "Not a regular file", str(path))
    return path.read_bytes()


def _resume(path: Path, data: bytes, has_arguments: bool, word: bytes | None) -> Start:
    """From a checkpoint. What a program was started with is in its memory already."""
    state, memory = checkpoint.loads(data, path)
    if has_arguments:
        raise UsageError(f"{path}: a checkpoint takes no arguments and no environment")
    if word not in (None, state.input):
        raise UsageError(f"{path}: the input of this checkpoint is 0x{state.input.hex()}")
    return Start(state, memory, Symbols())


def machine(at: Start, preimages: str | None, engine: str, console: Console) -> Machine:
    """A machine at ``at`` with the preimages that ``preimages`` names (see ``open_source``)."""
    source = open_source(preimages) if preimages else DictSource()
    return ENGINES[engine](at.state, at.memory, Oracle(source), console)


def explain(error: OSError) -> str:
    """An error of the operating system as people read it: ``PATH: No such file or directory``."""
    name = "input or output" if error.filename is None else os.fsdecode(error.filename)
    return f"{name}: {error.strerror or error}"


# --- Consoles -------------------------------------------------------------------------------------


def printable(data: bytes) -> str:
    """Text that is safe on a terminal: a program may not move our cursor or change our title."""
    text = data.decode(errors="replace")
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def show(channel: int, data: bytes) -> None:
    """A program's output goes where ours goes; on a terminal, without control characters."""
    stream = sys.stdout if channel == STDOUT else sys.stderr
    if stream.isatty():
        stream.write(printable(data))
        stream.flush()
    else:
        stream.flush()
        stream.buffer.write(data)
        stream.buffer.flush()


class Kept:
    """Keeps a program's output for a report, up to a limit."""

    def __init__(self) -> None:
        self._text: dict[int, bytearray] = {}

    def __call__(self, channel: int, data: bytes) -> None:
        kept = self._text.setdefault(channel, bytearray())
        kept += data[: MAX_KEPT - len(kept)]

    def text(self, channel: int) -> str:
        return self._text.get(channel, b"").decode(errors="replace")


# --- Running --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ran:
    """How a run went: the seconds it took, and the key of the preimage that it stopped at, if
    any."""

    seconds: float
    preimage: bytes | None


def run(
    running: Machine,
    until: int,
    *,
    preimage: bytes | None = None,
    every: int | None = None,
    at_checkpoint: Callable[[], None] = lambda: None,
    quiet: bool = False,
) -> Ran:
    """Run to step ``until``, or to where the program reads ``preimage`` (b"": any preimage).

    ``at_checkpoint`` is called at every multiple of ``every`` steps. A run that lasts shows its
    progress on a terminal, unless ``quiet``.
    """
    begun, reached = time.perf_counter(), None
    with _Display(running, until, quiet) as display:
        while running.step < until and not running.exited and reached is None:
            target = min(until, running.step + SLICE)
            if every:
                target = min(target, (running.step // every + 1) * every)
            if preimage is None:
                running.run(target)
            else:
                reached = running.run_to_preimage(preimage, target)
            if every and running.step % every == 0 and not running.exited:
                at_checkpoint()
            display.update()
    return Ran(time.perf_counter() - begun, reached)


class _Display:
    """A progress bar with the speed, from the moment that a run turns out to be a long one."""

    def __init__(self, running: Machine, until: int, quiet: bool) -> None:
        terminal = Terminal(stderr=True)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
        self._progress = Progress(
            *columns, TimeElapsedColumn(), console=terminal, transient=True, disable=quiet
        )
        self._machine = running
        self._first, self._begun = running.step, time.perf_counter()
        total = until if until < FOREVER else None
        self._task = self._progress.add_task("", total=total, completed=running.step)
        self._may_show, self._shown = not quiet and terminal.is_terminal, False

    def __enter__(self) -> _Display:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._shown:  # or it would print an empty line
            self._progress.stop()

    def update(self) -> None:
        elapsed, step = time.perf_counter() - self._begun, self._machine.step
        if self._may_show and not self._shown and elapsed > PATIENCE:
            self._progress.start()
            self._shown = True
        rate = (step - self._first) / elapsed / 1e6
        text = f"step {step:,}  {rate:,.0f} M steps/s"
        self._progress.update(self._task, completed=step, description=text)
