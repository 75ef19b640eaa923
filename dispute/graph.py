"""The graph of a dispute, as it stands on L1: its nodes, their rivals, their timers.

Nobody owns a node. A node is a claim about a stretch of a history that begins with a given prefix
(docs/history.md); two claims about one stretch after one prefix are *rivals*, and the nodes of one
stretch and prefix are a *cohort*. Time counts for a node as long as it has no rival.

This module says nothing of who may do what: see :mod:`dispute.protocol`. Whoever watches L1 builds
the same graph from its log: see :mod:`dispute.watch`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from fpvm.history import base, leaf
from fpvm.keccak import keccak256

#: The timer of what has been proved. Timers on L1 have 40 bits, and stop there.
INFINITE = (1 << 40) - 1


@dataclass(frozen=True, slots=True)
class Node:
    """A claim: after the prefix that ``base`` commits to, which ends at S(pos), come the 2^depth
    states that ``span`` commits to. ``origin``: what the history is of."""

    origin: bytes
    level: int
    pos: int
    depth: int
    base: bytes
    span: bytes

    def cohort(self) -> bytes:
        """The id of what all rivals of this node have in common: all but the span."""
        place = bytes([self.level, self.depth]) + self.pos.to_bytes(8, "big")
        return keccak256(b"\3" + self.origin + place + self.base)

    def id(self) -> bytes:
        """The node's name on L1."""
        return _id(self)

    def halves(self, left: bytes, right: bytes) -> tuple[Node, Node]:
        """The two nodes that this one is bisected into, if its span is that of ``left`` and
        ``right``."""
        depth = self.depth - 1
        return (
            replace(self, depth=depth, span=left),
            replace(
                self,
                depth=depth,
                pos=self.pos + (1 << depth),
                base=base(self.base, left),
                span=right,
            ),
        )


@lru_cache(maxsize=1 << 16)
def _id(node: Node) -> bytes:
    return keccak256(b"\4" + node.cohort() + node.span)


def level_root(origin: bytes, level: int, height: int, start: bytes, span: bytes) -> Node:
    """The node of a whole history: from S(0) = ``start`` on, 2^height states."""
    return Node(origin, level, 0, height, leaf(start), span)


@dataclass(frozen=True, slots=True)
class Entry:
    """A node on L1: when it was created, by whose move, and the timer that was stored last.

    ``rank`` and ``claim`` are those of a level's root: how manieth of its cohort it is, from 1 on,
    and the terminal that it refines (at level 0, none).
    """

    node: Node
    id: bytes
    cohort: bytes
    created: int
    mover: bytes
    timer: int = 0
    rank: int = 0
    claim: bytes = b""


@dataclass(frozen=True, slots=True)
class Cohort:
    """How many rivals there are, and the block in which the second of them came."""

    count: int = 0
    rivalled: int | None = None


class Graph:
    """All nodes of all disputes of one contract."""

    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {}
        self.cohorts: dict[bytes, Cohort] = {}
        #: The halves of the nodes that have been bisected.
        self.halves: dict[bytes, tuple[bytes, bytes]] = {}
        #: The refinements that claim a terminal, in the order in which they came.
        self.refinements: dict[bytes, tuple[bytes, ...]] = {}

    def copy(self) -> Graph:
        """A graph that goes its own way from here on."""
        other = type(self)()
        other.entries = self.entries.copy()
        other.cohorts = self.cohorts.copy()
        other.halves = self.halves.copy()
        other.refinements = self.refinements.copy()
        return other

    def __contains__(self, node_id: bytes) -> bool:
        return node_id in self.entries

    def __getitem__(self, node_id: bytes) -> Entry:
        return self.entries[node_id]

    # --- Growing ---

    def add(self, node: Node, mover: bytes, now: int, rank: int = 0, claim: bytes = b"") -> bytes:
        """A node that is not there yet joins its cohort. Returns its id."""
        cohort, node_id = node.cohort(), node.id()
        if node_id in self.entries:
            return node_id
        others = self.cohorts.get(cohort, Cohort())
        rivalled = now if others.count == 1 else others.rivalled
        self.cohorts[cohort] = Cohort(others.count + 1, rivalled)
        self.entries[node_id] = Entry(node, node_id, cohort, now, mover, 0, rank, claim)
        if claim:
            self.refinements[claim] = (*self.refinements.get(claim, ()), node_id)
        return node_id

    def bisect(self, node_id: bytes, left: bytes, right: bytes, mover: bytes, now: int) -> None:
        """The node gets its halves; the left one may be there, as that of a rival."""
        first, second = self.entries[node_id].node.halves(left, right)
        self.halves[node_id] = (self.add(first, mover, now), self.add(second, mover, now))

    def raise_timer(self, node_id: bytes, timer: int) -> None:
        """Store a timer, unless a longer one is stored."""
        entry = self.entries[node_id]
        if timer > entry.timer:
            self.entries[node_id] = replace(entry, timer=min(timer, INFINITE))

    # --- Reading ---

    def is_rivalled(self, node_id: bytes) -> bool:
        return self.cohorts[self.entries[node_id].cohort].count > 1

    def is_root(self, node_id: bytes) -> bool:
        """Whether the node is of a whole history."""
        return self.entries[node_id].rank > 0

    def rivals(self, node_id: bytes) -> list[Entry]:
        """The others of its cohort, oldest first."""
        cohort = self.entries[node_id].cohort
        return [
            entry
            for entry in self.entries.values()
            if entry.cohort == cohort and entry.id != node_id
        ]

    def children(self, node_id: bytes) -> tuple[bytes, ...]:
        """The node's halves, or the refinements that claim it, or nothing."""
        return self.halves.get(node_id) or self.refinements.get(node_id, ())

    def below(self, node_id: bytes) -> Iterator[Entry]:
        """The node and all nodes below it, parents first."""
        waiting = [node_id]
        while waiting:
            entry = self.entries[waiting.pop()]
            yield entry
            waiting.extend(reversed(self.children(entry.id)))

    # --- Timers ---

    def local_timer(self, node_id: bytes, now: int) -> int:
        """λ: the blocks for which the node had no rival."""
        entry = self.entries[node_id]
        rivalled = self.cohorts[entry.cohort].rivalled
        return max((now if rivalled is None else rivalled) - entry.created, 0)

    def effective_timer(self, node_id: bytes, now: int) -> int:
        """What L1 counts for the node when its parent is updated: what is stored, or λ."""
        return max(self.entries[node_id].timer, self.local_timer(node_id, now))

    def updated_timer(self, node_id: bytes, now: int, from_halves: bool = True) -> int:
        """What an update stores for the node, from what is stored for it and for its halves."""
        timer = self.local_timer(node_id, now)
        if from_halves and node_id in self.halves:
            timer += min(self.effective_timer(half, now) for half in self.halves[node_id])
        return min(max(timer, self.entries[node_id].timer), INFINITE)

    def bottom_up_timer(self, node_id: bytes, now: int) -> int:
        """β: what the stored timer is once all below have been updated.

        λ, and the smaller β of the two halves, or the largest of the refinements that claim this
        terminal: for one of them, if it holds, shows that the claim does.
        """
        entry = self.entries[node_id]
        if entry.timer == INFINITE:
            return INFINITE
        timer = self.local_timer(node_id, now)
        choose = min if node_id in self.halves else max
        timer += choose((self.bottom_up_timer(c, now) for c in self.children(node_id)), default=0)
        return min(timer, INFINITE)
