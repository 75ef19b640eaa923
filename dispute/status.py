"""Where a dispute stands: who wins if nobody moves any more, when, and what is at stake for whom.

Pure functions of what is on L1. "Nobody moves" means that nobody opens, bisects, refines or proves
anything; to update timers and to confirm a winner is in anybody's power and takes nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from dispute.bounties import ContestKey, bounties
from dispute.graph import INFINITE, Entry
from dispute.lineage import Kinship
from dispute.protocol import Contest, Dispute


@dataclass(frozen=True, slots=True)
class Standing:
    """A root in its contest. ``timer``: its β now. ``reaches``: the first block, from now on, in
    which that is T if nobody moves; None: never."""

    root: bytes
    mover: bytes
    rank: int
    stake: int
    timer: int
    reaches: int | None


@dataclass(frozen=True, slots=True)
class ContestStatus:
    """A contest. ``path``: where its histories are, as :meth:`dispute.lineage.Kinship.path` says.

    ``winners``: the roots that will win if nobody moves: one as a rule, none if the contest hangs,
    several if whoever is confirmed first wins. ``block``: when.
    """

    key: ContestKey
    path: tuple[int, ...]
    standings: tuple[Standing, ...]
    decision: Contest | None
    winners: tuple[bytes, ...]
    block: int | None

    @property
    def winner(self) -> bytes | None:
        """The root that has won, or will, if that is certain."""
        return self.winners[0] if len(self.winners) == 1 else None

    @property
    def at_risk(self) -> int:
        """Wei that are staked and not yet shared out."""
        return 0 if self.decision else sum(standing.stake for standing in self.standings)


@dataclass(frozen=True, slots=True)
class PartyStatus:
    """What one address has done, and its wei.

    ``staked``: all that it ever posted. Of that, ``at_risk`` is in contests that are open, and
    ``losing`` the part of it that is lost if nobody moves; ``lost`` and ``returned`` are decided.
    ``earned``: bounties that have been paid to it, ``claimable``: that it may still claim; without
    those for confirming, of which only the log tells. ``owed``: what the contract owes it now.
    """

    address: bytes
    moves: Counter[str]
    staked: int
    at_risk: int
    losing: int
    lost: int
    returned: int
    earned: int
    claimable: int
    owed: int


@dataclass(frozen=True, slots=True)
class Status:
    """A contract's disputes in block ``now``. Contests of level 0 come first."""

    now: int
    contests: tuple[ContestStatus, ...]
    parties: tuple[PartyStatus, ...]


def open_contests(view: Dispute) -> set[ContestKey]:
    """The contests that are not decided."""
    roots = (entry.node for entry in view.graph.entries.values() if entry.rank)
    return {(root.origin, root.level) for root in roots} - view.contests.keys()


def status(view: Dispute, kinship: Kinship | None = None) -> Status:
    """Where everything stands."""
    contests = tuple(contest_statuses(view, kinship or Kinship(view)))
    return Status(view.now, contests, tuple(_parties(view, contests)))


# --- Time -----------------------------------------------------------------------------------------


class Forecast:
    """In which block timers come to what they have to, if nobody moves any more."""

    def __init__(self, view: Dispute) -> None:
        self._graph, self._now = view.graph, view.now
        self._known: dict[tuple[bytes, int], int | None] = {}

    def block(self, node_id: bytes, target: int) -> int | None:
        """The first block from now on in which β of the node is ``target`` or more; None: never.

        β is the sum of λs on a way down that is the worst of the halves and the best of the
        refinements, and only a λ without a rival grows: by one in each block.
        """
        key = (node_id, target)
        if key not in self._known:
            self._known[key] = self._block(node_id, target)
        return self._known[key]

    def _block(self, node_id: bytes, target: int) -> int | None:
        graph = self._graph
        missing = target - graph.local_timer(node_id, self._now)
        if missing <= 0 or graph[node_id].timer == INFINITE:
            return self._now
        if not graph.is_rivalled(node_id):
            return self._now + missing  # and it has no children: L1 refuses moves on it
        blocks = [self.block(child, missing) for child in graph.children(node_id)]
        in_time = [block for block in blocks if block is not None]
        if node_id in graph.halves:
            return max(in_time) if len(in_time) == len(blocks) else None
        return min(in_time, default=None)


def contest_statuses(view: Dispute, kinship: Kinship) -> Iterator[ContestStatus]:
    """All contests, by level, oldest first."""
    roots: dict[ContestKey, list[Entry]] = defaultdict(list)
    for entry in view.graph.entries.values():
        if entry.rank:
            roots[entry.node.origin, entry.node.level].append(entry)
    forecast = Forecast(view)
    for key in sorted(roots, key=lambda key: key[1]):
        standings = tuple(_standing(view, kinship, forecast, entry) for entry in roots[key])
        decision = view.contests.get(key)
        winners, block = ((decision.winner,), decision.decided) if decision else _first(standings)
        yield ContestStatus(
            key, kinship.path(roots[key][0].node), standings, decision, winners, block
        )


def _standing(view: Dispute, kinship: Kinship, forecast: Forecast, entry: Entry) -> Standing:
    return Standing(
        root=entry.id,
        mover=entry.mover,
        rank=entry.rank,
        stake=view.table.stake(entry.node.level, entry.rank - 1),
        timer=kinship.timer(entry.id),
        reaches=forecast.block(entry.id, view.table.terms.confirm_after),
    )


def _first(standings: tuple[Standing, ...]) -> tuple[tuple[bytes, ...], int | None]:
    """Who comes to T first, and when."""
    block = min((s.reaches for s in standings if s.reaches is not None), default=None)
    if block is None:
        return (), None
    return tuple(s.root for s in standings if s.reaches == block), block


# --- Money ----------------------------------------------------------------------------------------


def _parties(view: Dispute, contests: tuple[ContestStatus, ...]) -> Iterator[PartyStatus]:
    """Everybody who has moved or is owed something, in the order in which they came."""
    moves = moves_of_all(view)
    wei: dict[str, Counter[bytes]] = defaultdict(Counter)
    for contest in contests:
        for standing in contest.standings:
            has_won = standing.root in contest.winners
            kinds = ["staked"]
            if contest.decision:
                kinds.append("returned" if has_won else "lost")
            else:
                kinds += ["at_risk"] if has_won or not contest.winners else ["at_risk", "losing"]
            for kind in kinds:
                wei[kind][standing.mover] += standing.stake
        _add_opening(view, contest, wei["earned"])
    for bounty in bounties(view):
        if bounty.is_paid:
            wei["earned"][bounty.mover] += view.table.terms.bounty
        elif view.contests[bounty.contest].reserve >= view.table.terms.bounty:
            wei["claimable"][bounty.mover] += view.table.terms.bounty
    owed = {address: amount for address, amount in view.credits.items() if amount}
    for address in dict.fromkeys([*moves, *owed]):
        yield PartyStatus(
            address,
            moves.get(address, Counter()),
            **{kind: wei[kind][address] for kind in _KINDS},
            owed=owed.get(address, 0),
        )


_KINDS = ("staked", "at_risk", "losing", "lost", "returned", "earned", "claimable")


def _add_opening(view: Dispute, contest: ContestStatus, earned: Counter[bytes]) -> None:
    """Who opened a winner that had rivals was paid for it when it was confirmed."""
    if contest.decision and len(contest.standings) > 1:
        earned[view.graph[contest.decision.winner].mover] += view.table.terms.bounty


def moves_of_all(view: Dispute) -> dict[bytes, Counter[str]]:
    """How many of each kind everybody has made, of those that left something on L1."""
    moves: dict[bytes, Counter[str]] = defaultdict(Counter)
    graph = view.graph
    for entry in graph.entries.values():
        if entry.rank:
            moves[entry.mover]["Refine" if entry.claim else "Open"] += 1
        if entry.id in graph.halves:
            moves[graph[graph.halves[entry.id][1]].mover]["Bisect"] += 1
        if entry.id in view.provers:
            moves[view.provers[entry.id]]["Prove"] += 1
    return moves
