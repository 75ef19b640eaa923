"""Tasks that are computed in one go: the tiles of one operator, put together again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mlvm.reach import reaches
from mlvm.tasks import Source, Task
from mlvm.tiles import follows, follows_in_channels, joined, joined_channels


@dataclass(frozen=True, slots=True)
class Group:
    """``task`` does what its ``tiles`` do; the first of them is task ``first`` of the model."""

    task: Any
    first: int
    tiles: tuple[Task, ...]


def grouped(tasks: Sequence[Task | None]) -> list[Group]:
    """All valid tasks, in order. Tiles are in one group only if none reads what another writes."""
    found = [Group(task, index, (task,)) for index, task in enumerate(tasks) if task is not None]
    found = _joined(found, follows_in_channels, joined_channels)
    found = _joined(found, follows, joined)
    return [part for group in found for part in _safe(group)]


def _joined(
    groups: list[Group],
    is_next: Callable[[Any, Any], bool],
    join: Callable[[Sequence[Any]], Any],
) -> list[Group]:
    """Groups that follow each other put together."""
    runs: list[list[Group]] = []
    for group in groups:
        last = runs[-1][-1] if runs else None
        is_neighbour = last is not None and last.first + len(last.tiles) == group.first
        if last is not None and is_neighbour and is_next(last.task, group.task):
            runs[-1].append(group)
        else:
            runs.append([group])
    return [_united(run, join) for run in runs]


def _united(run: list[Group], join: Callable[[Sequence[Any]], Any]) -> Group:
    if len(run) == 1:
        return run[0]
    tiles = tuple(tile for group in run for tile in group.tiles)
    return Group(join([group.task for group in run]), run[0].first, tiles)


def _safe(group: Group) -> list[Group]:
    if len(group.tiles) == 1 or not reads_what_it_writes(group.task):
        return [group]
    return [Group(tile, group.first + n, (tile,)) for n, tile in enumerate(group.tiles)]


def reads_what_it_writes(task: Task) -> bool:
    """Whether a task may read bytes of the range that it writes; in doubt, yes."""
    for reach in reaches(task):
        if reach.source != Source.ARENA:
            continue
        if reach.start < 0 or reach.end > 1 << 32:
            return True
        if reach.start < task.out + task.out_size and task.out < reach.end:
            return True
    return False
