"""What the benchmarks share: repeated timing, and guests ready to run."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from fpvm.elf import load
from fpvm.fast import FastMachine
from fpvm.machine import Machine
from fpvm.memory import Memory
from fpvm.oracle import Oracle
from fpvm.sources import DictSource
from fpvm.state import genesis
from programs.build import build

T = TypeVar("T")
RUNS = 3

Row = dict[str, object]
"""One line of a table: column to value."""


def median_seconds(run: Callable[[T], object], prepare: Callable[[], T], runs: int = RUNS) -> float:
    """The median time of ``run`` on what ``prepare`` makes anew every time, untimed."""
    times = []
    for _ in range(runs):
        prepared = prepare()
        begun = time.perf_counter()
        run(prepared)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def guest(name: str, word: int = 0, engine: type[Machine] = FastMachine) -> Machine:
    """The example ``name`` at its genesis on input ``word``."""
    program = load(build(name).read_bytes(), build("kernel").read_bytes(), argv=[name])
    memory = Memory(program.pages)
    state = genesis(memory.root(), program.pc, word.to_bytes(32, "big"))
    return engine(state, memory, Oracle(DictSource()))


def in_new_process(code: str) -> str:
    """What ``code`` prints when a new interpreter runs it."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
