"""The native engine: runs models at full speed, with the specification's bits.

It computes the tiles of one operator in one go, on fast paths where these are proved to be exact
and have passed a test of this machine, and else on whole arrays (:mod:`mlvm.exact`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mlvm import exact, products
from mlvm.effects import INVALID_INPUT, OutputState, finished
from mlvm.groups import Group, grouped
from mlvm.memory import Memory
from mlvm.model import Model
from mlvm.tasks import Dot, Input, Nothing, Output, Task
from mlvm.threads import Threads
from mlvm.trees import ByteArray

#: Called after a task with its number and the bytes of the arena that it has changed.
Observer = Callable[[int, int, int], object]


@dataclass(frozen=True, slots=True)
class Options:
    """``threads``: None, as many as there are cores. ``paths``: the fast paths that may be used.
    None of this changes a bit."""

    threads: int | None = None
    paths: frozenset[str] = products.PATHS


class Kernels:
    """What tasks write, as blob and arena are now."""

    def __init__(self, memory: Memory, options: Options | None = None) -> None:
        options = options or Options()
        self._memory = memory
        self._products = products.Products(memory, Threads(options.threads), options.paths)

    def compute(self, task: Task) -> ByteArray:
        """What a task writes that is valid, but for its size."""
        found = self._products.dot(task) if isinstance(task, Dot) else None
        return exact.KERNELS[type(task)](task, self._memory) if found is None else found


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

    def run(self, data: bytes, observe: Observer | None = None) -> OutputState | None:
        """The output on this input; None if the model never gets to an output.

        ``observe`` is called after each task that changes the arena, and with the first one, which
        fills it.
        """
        is_filled = False
        for group in self.groups:
            if isinstance(group.task, Input):
                if not is_filled and len(data) != self.model.header.input_size:
                    return OutputState(INVALID_INPUT, None)
                if not is_filled:
                    self._fill(data)
                    self._tell(observe, group)
                is_filled = True
            elif is_filled and isinstance(group.task, Output):
                return finished(self.model.header, group.task.out, self.arena)
            elif is_filled:
                self._write(group, observe)
        return None

    def _fill(self, data: bytes) -> None:
        self.arena[:] = 0
        self.arena[: len(data)] = np.frombuffer(data, np.uint8)

    def _tell(self, observe: Observer | None, group: Group) -> None:
        if observe is not None:
            observe(group.first, group.task.out, group.task.out_size)

    def _write(self, group: Group, observe: Observer | None) -> None:
        """What a group writes; tile by tile, if somebody observes."""
        written = self._kernels.compute(group.task)
        start = group.task.out
        if observe is None:
            self.arena[start : start + len(written)] = written
            return
        for number, tile in enumerate(group.tiles, group.first):
            end = tile.out + tile.out_size
            self.arena[tile.out : end] = written[tile.out - start : end - start]
            observe(number, tile.out, tile.out_size)
