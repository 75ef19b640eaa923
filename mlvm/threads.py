"""Work shared among threads: compiled kernels and numpy release the interpreter lock.

BLAS has threads of its own, which wait for each other by spinning: on a machine that does something
else, too, that takes many times as long. So it is given one, and called from several of ours.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

#: Numbers that are too few to be shared.
WORTH_SHARING = 1 << 14


class Threads:
    """``count`` of them; None: as many as there are cores. Every number is computed by one thread
    alone, so results do not depend on how many there are."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self.count) if self.count > 1 else None

    def over(self, length: int, weight: int, work: Callable[[slice], object]) -> None:
        """Call ``work`` on stretches of a range; ``weight``: how many numbers each place means."""
        if self._pool is None or length * weight < WORTH_SHARING or length < 2:
            work(slice(0, length))
            return
        step = -(-length // self.count)
        parts = [slice(at, min(at + step, length)) for at in range(0, length, step)]
        for _ in self._pool.map(work, parts):
            pass


def one_blas_thread() -> AbstractContextManager[Any]:
    """While inside, BLAS computes in the thread that calls it."""
    limit: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api="blas")
    return limit


@cache
def _libraries() -> Any:
    """Those with threads of their own that this process has loaded."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
