"""How far a dispute has come, level by level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dispute.protocol import Dispute


@dataclass(frozen=True, slots=True)
class LevelProgress:
    """``narrowed``: how often the disagreement at a level has been halved, of ``height`` times;
    ``answered``: whether one of its terminals has been refined, or proved."""

    level: int
    height: int
    narrowed: int
    answered: bool


def progress(view: Dispute) -> Iterator[LevelProgress]:
    """Of each level, the least that rivals still disagree about."""
    graph, last = view.graph, view.table.last
    shallowest: dict[int, int] = {}
    for entry in graph.entries.values():
        node = entry.node
        if graph.cohorts[entry.cohort].count > 1:
            shallowest[node.level] = min(node.depth, shallowest.get(node.level, node.depth))
    answered = {graph[terminal].node.level for terminal in graph.refinements}
    answered |= {last} if view.provers else set()
    for number, level in enumerate(view.table.levels):
        narrowed = level.height - shallowest.get(number, level.height)
        yield LevelProgress(number, level.height, narrowed, number in answered)
