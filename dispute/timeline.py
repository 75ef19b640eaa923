"""Who moved in which block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dispute.events import Confirmed, Event, Proved
from dispute.protocol import Dispute


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that left something on L1. ``id``: the node that was opened, or moved on."""

    block: int
    mover: bytes
    kind: str
    id: bytes


def timeline(view: Dispute, events: Sequence[tuple[int, Event]] = ()) -> list[Moved]:
    """All moves, oldest first. When something was proved or confirmed, the ``events`` of the
    contract tell, each with its block; without them, those moves are missing."""
    moves = [*_from_graph(view), *_from_events(events)]
    return sorted(moves, key=lambda moved: moved.block)


def _from_graph(view: Dispute) -> Iterator[Moved]:
    graph = view.graph
    for entry in graph.entries.values():
        if entry.rank:
            yield Moved(entry.created, entry.mover, "Refine" if entry.claim else "Open", entry.id)
        if entry.id in graph.halves:
            # The left half may be older, and somebody else's.
            right = graph[graph.halves[entry.id][1]]
            yield Moved(right.created, right.mover, "Bisect", entry.id)


def _from_events(events: Sequence[tuple[int, Event]]) -> Iterator[Moved]:
    for block, event in events:
        if isinstance(event, Proved):
            yield Moved(block, event.mover, "Prove", event.id)
        elif isinstance(event, Confirmed):
            yield Moved(block, event.mover, "Confirm", event.id)
