"""The native engine: runs models at full speed, with the specification's bits.

It computes the tiles of one operator in one go, on fast paths where these are proved to be exact
and have passed a test of this machine (:mod:`mlvm.selftest`), and else on whole arrays
(:mod:`mlvm.exact`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fpvm.jit import PURE
from mlvm import compiled, exact, products
from mlvm.effects import INVALID_INPUT, OutputState, finished
from mlvm.groups import Group, grouped
from mlvm.memory import Memory
from mlvm.model import MAX_TASKS, Model
from mlvm.selftest import is_sound, is_sound_kernel
from mlvm.tasks import Dot, Input, Nothing, Output, Task
from mlvm.threads import Threads, one_blas_thread
from mlvm.trees import ByteArray

#: What can be switched off: fast paths of products, and compiled kernels of everything else.
COMPILED = "compiled"
PATHS = products.PATHS | {COMPILED}
#: Called after a task with its number and the bytes of the arena that it has changed.
Observer = Callable[[int, int, int], object]


@dataclass(frozen=True, slots=True)
class Options:
    """``threads``: None, as many as there are cores. ``paths``: the fast paths that may be used.
    None of this changes a bit."""

    threads: int | None = None
    paths: frozenset[str] = PATHS


@dataclass(frozen=True, slots=True)
class Outcome:
    """``state``: the output state that task ``tasks`` − 1 leads to; None if none does."""

    state: OutputState | None
    tasks: int


class Kernels:
    """What tasks write, as blob and arena are now."""

    def __init__(self, memory: Memory, options: Options | None = None) -> None:
        options = options or Options()
        self._memory = memory
        self._threads = Threads(options.threads)
        self._paths = frozenset() if PURE else options.paths
        self._products = products.Products(memory, self._threads, self._may_use)

    def _may_use(self, path: str) -> bool:
        return path in self._paths and is_sound(path)

    def compute(self, task: Task) -> ByteArray:
        """What a task writes that is valid, but for its size."""
        found = self._fast(task)
        return exact.KERNELS[type(task)](task, self._memory) if found is None else found

    def _fast(self, task: Task) -> ByteArray | None:
        """The same on a fast path, if there is one for this task."""
        if isinstance(task, Dot):
            return self._products.dot(task)
        kind: Any = type(task)
        kernel = compiled.KERNELS.get(kind)
        if kernel is None or COMPILED not in self._paths or not is_sound_kernel(kind):
            return None
        return kernel(task, self._memory, self._threads)


class Engine:
    """Runs one model, one input at a time."""

    def __init__(self, model: Model, options: Options | None = None) -> None:
        self.model = model
        self.arena = np.zeros(model.header.arena_size, np.uint8)
        self._kernels = Kernels(Memory(model.blob, self.arena), options)

    @cached_property
    def groups(self) -> list[Group]:
        """All tasks but those that do nothing."""
        tasks = [None if isinstance(task, Nothing) else task for task in self.model.tasks]
        return grouped(tasks)

    def run(self, data: bytes, observe: Observer | None = None, until: int = MAX_TASKS) -> Outcome:
        """Run on an input, the tasks before number ``until``. The arena is left as it is then."""
        with one_blas_thread():
            return self._run(data, observe, until)

    def _run(self, data: bytes, observe: Observer | None, until: int) -> Outcome:
        is_filled = False
        for group in self.groups:
            if group.first >= until:
                break
            if isinstance(group.task, Input):
                if not is_filled and len(data) != self.model.header.input_size:
                    return Outcome(OutputState(INVALID_INPUT, None), group.first + 1)
                if not is_filled:
                    self._fill(data, group, observe)
                is_filled = True
            elif is_filled and isinstance(group.task, Output):
                found = finished(self.model.header, group.task.out, self.arena)
                return Outcome(found, group.first + 1)
            elif is_filled:
                self._write(group, observe, until)
        return Outcome(None, until)

    def _fill(self, data: bytes, group: Group, observe: Observer | None) -> None:
        self.arena[:] = 0
        self.arena[: len(data)] = np.frombuffer(data, np.uint8)
        if observe is not None:
            observe(group.first, 0, len(data))

    def _write(self, group: Group, observe: Observer | None, until: int) -> None:
        """What a group writes; tile by tile, if somebody observes, or only some count."""
        written = self._kernels.compute(group.task)
        start = group.task.out
        if observe is None and group.first + len(group.tiles) <= until:
            self.arena[start : start + len(written)] = written
            return
        for number, tile in enumerate(group.tiles[: until - group.first], group.first):
            end = tile.out + tile.out_size
            self.arena[tile.out : end] = written[tile.out - start : end - start]
            if observe is not None:
                observe(number, tile.out, tile.out_size)
