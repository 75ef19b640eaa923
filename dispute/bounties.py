"""Bounties: which moves on the winners' sides earn one, who made them, how they are claimed.

What is on L1 tells it all: no histories are needed to collect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dispute.graph import Entry
from dispute.moves import ClaimBisection, ClaimProof, ClaimRefinement, Move
from dispute.protocol import Dispute

#: What a contest is known by: the origin of its histories, and their level.
ContestKey = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class Bounty:
    """``mover`` has made a move on node ``id`` of a winner's history. ``claim`` pays for it, once
    the bounties of ``parent`` and of those above have been claimed."""

    contest: ContestKey
    id: bytes
    parent: bytes
    mover: bytes
    claim: Move
    is_paid: bool


def bounties(view: Dispute) -> Iterator[Bounty]:
    """The bounties of all decided contests, each contest's from the top down."""
    for key, contest in view.contests.items():
        waiting = [(contest.winner, b"")]
        while waiting:
            node_id, parent = waiting.pop()
            found = _earned(view, view.graph[node_id])
            if found is None:
                continue
            mover, claim = found
            yield Bounty(key, node_id, parent, mover, claim, node_id in view.paid)
            halves = view.graph.halves.get(node_id, ())
            waiting.extend((half, node_id) for half in reversed(halves))


def _earned(view: Dispute, entry: Entry) -> tuple[bytes, Move] | None:
    """Who made the move that was called for at a node of a winner's history, and its claim."""
    graph = view.graph
    halves = graph.halves.get(entry.id)
    if halves:
        left, right = (graph[half] for half in halves)
        return right.mover, ClaimBisection(entry.node, left.node.span, right.node.span)
    if entry.id in view.provers:
        return view.provers[entry.id], ClaimProof(entry.node)
    for finer in graph.refinements.get(entry.id, ()):
        if finer in view.won:
            return graph[finer].mover, ClaimRefinement(entry.node, graph[finer].node)
    return None


def unclaimed(view: Dispute) -> list[Bounty]:
    """Bounties that are there to be claimed. Those of a swept contest are gone."""
    least = view.table.terms.bounty
    return [
        bounty
        for bounty in bounties(view)
        if not bounty.is_paid and view.contests[bounty.contest].reserve >= least
    ]


def claims(view: Dispute, payee: bytes) -> list[Move]:
    """The claims that pay ``payee`` all that it has earned, from the top down, with those of others
    that are on the way."""
    waiting = {bounty.id: bounty for bounty in unclaimed(view)}
    wanted: set[bytes] = set()
    for bounty in waiting.values():
        at = bounty if bounty.mover == payee else None
        while at is not None and at.id not in wanted:
            wanted.add(at.id)
            at = waiting.get(at.parent)
    return [bounty.claim for bounty in waiting.values() if bounty.id in wanted]
