"""The honest strategy: what to do about a dispute, as a pure function (docs/dispute.md).

:func:`moves` looks at what is on L1 and at the honest histories, and at nothing else. It remembers
nothing, so an agent that was restarted, or a second one, comes to the same moves; and as a move
that was made before changes nothing, agents need not know of each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from dispute.graph import INFINITE, Node, level_root
from dispute.moves import (
    Bisect,
    ClaimBisection,
    ClaimProof,
    ClaimRefinement,
    Confirm,
    Move,
    Open,
    Prove,
    Refine,
    UpdateTimers,
)
from dispute.protocol import Dispute, Refinement, StepProof, Update
from fpvm.history import History
from fpvm.proof import Witness


class Histories(Protocol):
    """The histories that one party believes in.

    A history is named by the origin of the dispute and a *path*: the positions of the terminals on
    the way down to it. () is the history of level 0, (3,) that which refines its step from S(3).
    """

    def history(self, origin: bytes, path: tuple[int, ...]) -> History: ...

    def outcome_proof(self, origin: bytes, path: tuple[int, ...]) -> bytes:
        """What the boundary above this history needs to tell its outcome."""
        ...

    def witness(self, origin: bytes, path: tuple[int, ...]) -> Witness:
        """The witness of one step. The path has a position for every level."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """A node on L1 that is right by our histories.

    ``weight``: the blocks that count on the way from the root of its level down to it, itself
    included. ``history``, at ``path``: that which it is a node of.
    """

    node: Node
    id: bytes
    history: History
    path: tuple[int, ...]
    weight: int


# --- Where we stand -------------------------------------------------------------------------------


def honest_root(view: Dispute, histories: Histories, origin: bytes) -> Node:
    """The root that we would open, or have opened."""
    history = histories.history(origin, ())
    height = view.table.levels[0].height
    return level_root(origin, 0, height, history.state(0), history.root())


def honest_places(view: Dispute, histories: Histories, origin: bytes) -> Iterator[Place]:
    """All right nodes on L1 that hang on the right root, parents first."""
    root = honest_root(view, histories, origin)
    if root.id() in view.graph:
        yield from _below(view, histories, origin, root, ())


def _below(
    view: Dispute, histories: Histories, origin: bytes, root: Node, path: tuple[int, ...]
) -> Iterator[Place]:
    """The places of one level, and of the levels below."""
    history = histories.history(origin, path)
    waiting = [(root, root.id(), 0)]
    while waiting:
        node, node_id, weight = waiting.pop()
        weight += view.graph.local_timer(node_id, view.now)
        yield Place(node, node_id, history, path, weight)
        halves = view.graph.halves.get(node_id)
        if halves:
            waiting.extend((view.graph[half].node, half, weight) for half in reversed(halves))
        elif not node.depth and view.graph.refinements.get(node_id):
            finer = finer_root(view, histories, origin, node, (*path, node.pos))
            if finer.id() in view.graph:
                yield from _below(view, histories, origin, finer, (*path, node.pos))


def finer_root(
    view: Dispute, histories: Histories, origin: bytes, terminal: Node, path: tuple[int, ...]
) -> Node:
    """The root of the history at ``path``, which refines ``terminal``."""
    level = terminal.level + 1
    history = histories.history(origin, path)
    height = view.table.levels[level].height
    return level_root(terminal.cohort(), level, height, history.state(0), history.root())


# --- The rules ------------------------------------------------------------------------------------


def is_attacked(view: Dispute, place: Place) -> bool:
    """A node without a rival gains time by itself; L1 refuses moves on it."""
    return view.graph.is_rivalled(place.id)


def is_safe(view: Dispute, place: Place) -> bool:
    """T blocks count on the way down to this node, so the history above it is confirmed whatever
    happens below: a move here would be a gift to whoever wants us to spend.

    They are counted from the root of the level: the refinement that we have a stake in must reach T
    by itself, for its stake does not come back with that of the root above.
    """
    return place.weight >= view.table.terms.confirm_after


def is_decided(view: Dispute, place: Place) -> bool:
    """The contest that the node belongs to is over; no move in it changes anything."""
    return (place.node.origin, place.node.level) in view.contests


def is_answered(view: Dispute, histories: Histories, origin: bytes, place: Place) -> bool:
    """The right move has been made here, by whomever. A refinement by somebody else that claims
    the same with another history is a false friend, and no answer."""
    node = place.node
    if node.depth:
        return place.id in view.graph.halves
    if node.level == view.table.last:
        return place.id in view.provers
    if not view.graph.refinements.get(place.id):
        return False
    finer = finer_root(view, histories, origin, node, (*place.path, node.pos))
    return finer.id() in view.graph


def calls_for_a_move(view: Dispute, histories: Histories, origin: bytes, place: Place) -> bool:
    """Exactly the moves that keep the path through this node growing, and no other."""
    return (
        is_attacked(view, place)
        and not is_safe(view, place)
        and not is_decided(view, place)
        and not is_answered(view, histories, origin, place)
    )


# --- Moves ----------------------------------------------------------------------------------------


def moves(
    view: Dispute,
    histories: Histories,
    origin: bytes,
    payee: bytes | None = None,
    is_challenger: bool = False,
) -> list[Move]:
    """All that is to be done now.

    ``payee``: claim the bounties that this address has earned; None: claim none. A *challenger*
    opens the right root only once there is a wrong one; others open it at once.
    """
    places = list(honest_places(view, histories, origin))
    if not places:
        return opening(view, histories, origin, is_challenger)
    return [
        *defence(view, histories, origin, places),
        *settlement(view, places),
        *(collection(view, places, payee) if payee is not None else ()),
    ]


def opening(
    view: Dispute, histories: Histories, origin: bytes, is_challenger: bool = False
) -> list[Move]:
    """Claim what is right, if nobody has."""
    root = honest_root(view, histories, origin)
    is_wanted = not is_challenger or root.cohort() in view.graph.cohorts
    is_open = (origin, 0) not in view.contests
    return [Open(origin, root.span)] if is_wanted and is_open else []


def defence(
    view: Dispute, histories: Histories, origin: bytes, places: Sequence[Place]
) -> list[Move]:
    """The moves that time is running for."""
    return [
        _answer(view, histories, origin, place)
        for place in places
        if calls_for_a_move(view, histories, origin, place)
    ]


def _answer(view: Dispute, histories: Histories, origin: bytes, place: Place) -> Move:
    node = place.node
    if node.depth:
        return bisection(node, place.history)
    path = (*place.path, node.pos)
    if node.level == view.table.last:
        witness = histories.witness(origin, path)
        return Prove(node, StepProof(witness, tuple(place.history.prove_last(node.pos))))
    proof = histories.outcome_proof(origin, path)
    return refinement(node, place.history, histories.history(origin, path), proof)


def bisection(node: Node, history: History) -> Bisect:
    """The bisection of a node of ``history``."""
    depth = node.depth - 1
    left, right = history.span(node.pos, depth), history.span(node.pos + (1 << depth), depth)
    return Bisect(node, left, right)


def refinement(terminal: Node, history: History, finer: History, outcome_proof: bytes) -> Refine:
    """The refinement of a terminal of ``history`` by the history ``finer``."""
    return Refine(
        terminal,
        Refinement(
            span=finer.root(),
            pre=history.state(terminal.pos),
            pre_path=tuple(history.prove_last(terminal.pos)),
            end=finer.state(1 << finer.height),
            end_path=tuple(finer.prove_end()),
            proof=outcome_proof,
        ),
    )


# --- Settlement -----------------------------------------------------------------------------------


def settlement(view: Dispute, places: Sequence[Place]) -> list[Move]:
    """Update and confirm every right root that has come to T, finer levels first."""
    timers = reachable_timers(view, places)
    threshold = view.table.terms.confirm_after
    due = [
        place
        for place in reversed(places)
        if view.graph.is_root(place.id)
        and not is_decided(view, place)
        and timers[place.id] >= threshold
    ]
    right = {place.id for place in places}
    # To confirm a root updates it.
    needed = (list(_updates(view, right, place.id, threshold))[:-1] for place in due)
    updates = tuple(dict.fromkeys(chain.from_iterable(needed)))
    return [
        *([UpdateTimers(updates)] if updates else ()),
        *(Confirm(update(view, place.node)) for place in due),
    ]


def reachable_timers(view: Dispute, places: Sequence[Place]) -> dict[bytes, int]:
    """What the stored timer of each place is once those below it have been updated."""
    graph, now = view.graph, view.now
    timers: dict[bytes, int] = {}
    for place in reversed(places):
        timer = max(graph.updated_timer(place.id, now), timers.get(place.id, 0))
        halves = graph.halves.get(place.id)
        if halves:
            own = graph.local_timer(place.id, now)
            timer = max(timer, own + min(timers[half] for half in halves))
        timers[place.id] = min(timer, INFINITE)
        claim = graph[place.id].claim
        if claim:  # a refinement hands its timer up to the terminal, which comes after it
            timers[claim] = min(graph.local_timer(claim, now) + timers[place.id], INFINITE)
    return timers


def _updates(view: Dispute, right: set[bytes], node_id: bytes, wanted: int) -> Iterator[Update]:
    """What has to be updated, children first, for L1 to store ``wanted`` for a node: no more, for
    every update costs. The timer of a terminal is stored by that of the refinement that claims
    it."""
    graph = view.graph
    wanted -= graph.local_timer(node_id, view.now)
    for half in graph.halves.get(node_id, ()):
        if graph.effective_timer(half, view.now) < wanted:
            yield from _updates(view, right, half, wanted)
    for finer in graph.refinements.get(node_id, ()):
        if finer in right:
            yield from _updates(view, right, finer, wanted)
            return
    yield update(view, graph[node_id].node)


def update(view: Dispute, node: Node) -> Update:
    """The update of a node from its halves, if it has any."""
    halves = view.graph.halves.get(node.id())
    if not halves:
        return Update(node)
    left, right = (view.graph[half].node.span for half in halves)
    return Update(node, left, right)


# --- Bounties -------------------------------------------------------------------------------------


def collection(view: Dispute, places: Sequence[Place], payee: bytes) -> list[Move]:
    """Claims of what ``payee`` has earned, from the top down. They include the claims of others
    that are on the way: a node counts as the winner's once the one above it has been claimed."""
    wanted: set[bytes] = set()
    parents: dict[bytes, bytes] = {}
    claims: dict[bytes, Move] = {}
    right: set[bytes] = set()
    for place in places:
        right.add(place.id)
        contest = view.contests.get((place.node.origin, place.node.level))
        if contest is None or contest.reserve < view.table.terms.bounty:
            continue
        if contest.winner not in right:
            continue
        for half in view.graph.halves.get(place.id, ()):
            parents[half] = place.id
        claim, mover = _claim(view, place)
        if claim is None or place.id in view.paid:
            continue
        claims[place.id] = claim
        if mover == payee:
            at: bytes | None = place.id
            while at is not None and at not in wanted:
                wanted.add(at)
                at = parents.get(at)
    return [claim for node_id, claim in claims.items() if node_id in wanted]


def _claim(view: Dispute, place: Place) -> tuple[Move | None, bytes]:
    """The claim for the move that was made at a place, and who made it."""
    node, graph = place.node, view.graph
    halves = graph.halves.get(place.id)
    if halves:
        left, right = (graph[half] for half in halves)
        return ClaimBisection(node, left.node.span, right.node.span), right.mover
    if place.id in view.provers:
        return ClaimProof(node), view.provers[place.id]
    for finer in graph.refinements.get(place.id, ()):
        if finer in view.won:
            return ClaimRefinement(node, graph[finer].node), graph[finer].mover
    return None, b""
