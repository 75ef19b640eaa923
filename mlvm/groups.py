"""Tasks that are computed in one go: the tiles of one operator, put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlvm.reach import reaches
from mlvm.tasks import Source, Task
from mlvm.tiles import join, join_channels


@dataclass(frozen=True, slots=True)
class Group:
    """``task`` does what its ``tiles`` do; the first of them is task ``first`` of the model."""

    task: Any
    first: int
    tiles: tuple[Task, ...]


def grouped(tasks: Sequence[Task | None]) -> list[Group]:
    """All valid tasks, in order. Tiles are in one group only if none reads what another writes."""
    found: list[Group] = []
    for index, task in enumerate(tasks):
        if task is not None:
            found.append(Group(task, index, (task,)))
    for rule in (join_channels, join):
        found = _joined(found, rule)
    return [part for group in found for part in _safe(group)]


def _joined(groups: list[Group], rule: Any) -> list[Group]:
    """Neighbours put together, as far as the rule allows."""
    found: list[Group] = []
    for group in groups:
        if found and found[-1].first + len(found[-1].tiles) == group.first:
            whole = rule(found[-1].task, group.task)
            if whole is not None:
                found[-1] = Group(whole, found[-1].first, found[-1].tiles + group.tiles)
                continue
        found.append(group)
    return found


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
