"""One node of a dispute and how it hangs together with the others: what *why* is answered from.

A graph knows the children of a node. Whoever asks why something is so wants to go up, to the
rivals, and to the place in the computation that a node is about: :class:`Kinship` has that for all
nodes at once, so that going over thousands of them is quick.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from dispute.graph import INFINITE, Entry, Node
from dispute.protocol import Dispute


class NoSuchNode(ValueError):
    """No node, or more than one, has an id that begins like this."""


class Wait(StrEnum):
    """What the timer of a node waits for."""

    TIME = "time: nobody contradicts it"
    BISECTION = "its bisection"
    REFINEMENT = "a refinement"
    PROOF = "its proof"
    HALVES = "the slower of its halves"
    REFINEMENTS = "the best of its refinements"
    PROVED = "nothing: it has been proved"
    WON = "nothing: its contest is decided"


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a node is about: states ``first`` + 1 to ``last`` of a history of words, or of the run
    on word number ``word`` of it, counted in steps of the machine."""

    first: int
    last: int
    word: int | None = None


class Kinship:
    """Parents, rivals, timers and places of all nodes of a view, as it is now."""

    def __init__(self, view: Dispute) -> None:
        self.view = view
        graph = view.graph
        parents: dict[bytes, list[bytes]] = defaultdict(list)
        for parent, halves in graph.halves.items():
            for half in halves:
                parents[half].append(parent)
        cohorts: dict[bytes, list[bytes]] = defaultdict(list)
        #: A root of each contest; those of one contest refine the same step.
        self._roots: dict[tuple[bytes, int], Entry] = {}
        for entry in graph.entries.values():
            cohorts[entry.cohort].append(entry.id)
            if entry.claim:
                parents[entry.id].append(entry.claim)
            if entry.rank:
                self._roots.setdefault((entry.node.origin, entry.node.level), entry)
        self._parents, self._cohorts = dict(parents), dict(cohorts)
        self._timers: dict[bytes, int] = {}
        heights = [level.height for level in view.table.levels]
        #: Of each level: steps from one state to the next.
        self._strides = [1 << sum(heights[level + 1 :]) for level in range(len(heights))]

    # --- Relatives ---

    def parents(self, node_id: bytes) -> list[bytes]:
        """The nodes that it is a half of (a left half may be shared by rivals), or the terminal
        that it refines."""
        return self._parents.get(node_id, [])

    def rivals(self, node_id: bytes) -> list[bytes]:
        """The others of its cohort, oldest first."""
        cohort = self._cohorts[self.view.graph[node_id].cohort]
        return [other for other in cohort if other != node_id]

    def lineage(self, node_id: bytes, right: Collection[bytes] = ()) -> list[bytes]:
        """From a root of level 0 down to the node: by the oldest parents, but by those that are
        ``right`` wherever there are any."""
        line = [node_id]
        while parents := self.parents(line[-1]):
            line.append(next((parent for parent in parents if parent in right), parents[0]))
        return line[::-1]

    # --- Timers ---

    def timer(self, node_id: bytes) -> int:
        """β, each computed once."""
        if node_id not in self._timers:
            self._timers[node_id] = self._bottom_up(node_id)
        return self._timers[node_id]

    def _bottom_up(self, node_id: bytes) -> int:
        graph = self.view.graph
        if graph[node_id].timer == INFINITE:
            return INFINITE
        choose = min if node_id in graph.halves else max
        below = choose((self.timer(child) for child in graph.children(node_id)), default=0)
        return min(graph.local_timer(node_id, self.view.now) + below, INFINITE)

    # --- The computation ---

    def path(self, node: Node) -> tuple[int, ...]:
        """The positions of the terminals on the way down to the node's history."""
        path: list[int] = []
        while node.level:
            root = self._roots[node.origin, node.level]
            node = self.view.graph[root.claim].node
            path.append(node.pos)
        return tuple(reversed(path))

    def origin(self, node: Node) -> bytes:
        """The origin of the dispute that the node is of."""
        while node.level:
            node = self.view.graph[self._roots[node.origin, node.level].claim].node
        return node.origin

    def stretch(self, node: Node) -> Stretch:
        """Which states the node is about."""
        if node.level == 0:
            return Stretch(node.pos, node.pos + (1 << node.depth))
        path = self.path(node)
        start = sum(path[level] * self._strides[level] for level in range(1, node.level))
        stride = self._strides[node.level]
        first = start + node.pos * stride
        return Stretch(first, first + (stride << node.depth), path[0])


# --- One node -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Account:
    """All there is to say of a node.

    ``local``: λ; ``timer``: β; ``stored``: what L1 has of it. ``binding``: the child that β comes
    from, if there are any.
    """

    entry: Entry
    path: tuple[int, ...]
    stretch: Stretch
    lineage: tuple[bytes, ...]
    rivals: tuple[bytes, ...]
    children: tuple[bytes, ...]
    local: int
    timer: int
    stored: int
    waits_for: Wait
    binding: bytes | None


def account(kinship: Kinship, node_id: bytes) -> Account:
    view = kinship.view
    entry = view.graph[node_id]
    children = view.graph.children(node_id)
    choose = min if node_id in view.graph.halves else max
    return Account(
        entry=entry,
        path=kinship.path(entry.node),
        stretch=kinship.stretch(entry.node),
        lineage=tuple(kinship.lineage(node_id)),
        rivals=tuple(kinship.rivals(node_id)),
        children=children,
        local=view.graph.local_timer(node_id, view.now),
        timer=kinship.timer(node_id),
        stored=entry.timer,
        waits_for=waits_for(view, entry),
        binding=choose(children, key=kinship.timer) if children else None,
    )


def waits_for(view: Dispute, entry: Entry) -> Wait:
    """What has to happen for the timer of a node to grow."""
    if (entry.node.origin, entry.node.level) in view.contests:
        return Wait.WON
    if entry.id in view.provers:
        return Wait.PROVED
    if entry.id in view.graph.halves:
        return Wait.HALVES
    if not view.graph.is_rivalled(entry.id):
        return Wait.TIME
    if entry.node.depth:
        return Wait.BISECTION
    if entry.node.level == view.table.last:
        return Wait.PROOF
    return Wait.REFINEMENTS if view.graph.refinements.get(entry.id) else Wait.REFINEMENT


def find(view: Dispute, prefix: str) -> bytes:
    """The id that begins with these hexadecimal digits. Raises :class:`NoSuchNode`."""
    digits = prefix.removeprefix("0x").lower()
    found = [node_id for node_id in view.graph.entries if node_id.hex().startswith(digits)]
    if not digits or not found:
        raise NoSuchNode(f"no node has an id that begins with {prefix[:80]!r}")
    if len(found) > 1:
        raise NoSuchNode(f"{len(found)} nodes have ids that begin with {prefix[:80]!r}")
    return found[0]
