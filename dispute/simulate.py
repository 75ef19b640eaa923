"""Whole disputes, block by block: parties, an L1 that may be censored, and how it ends.

The stage is the model, or anything with its functions; the tests play on the contract, too.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dispute.adversaries import Strategy
from dispute.moves import Move, UpdateTimers
from dispute.protocol import Dispute, Refused

#: Wei that every party brings: more than any dispute costs.
FUNDS = 10**24
#: More blocks than any dispute takes, in multiples of its bound.
_PATIENCE = 4


@dataclass(frozen=True)
class Party:
    """Somebody with a strategy. What the *honest* do may come late, and may be censored; an
    adversary sees a block before it is full and adds to it what he likes."""

    name: str
    strategy: Strategy
    is_honest: bool = False

    @property
    def address(self) -> bytes:
        return self.name.encode().rjust(20, b"\0")[-20:]


Censor = Callable[[int], bool]
"""Whether a block takes no honest move, by its number. It is not asked beyond the budget C."""


def nothing_censored(block: int) -> bool:
    return False


def burst(first: int, length: int) -> Censor:
    """Censors so many blocks on end."""
    return lambda block: first <= block < first + length


def split(period: int) -> Censor:
    """Censors every so manieth block."""
    return lambda block: block % period == 0


def at_random(seed: object, probability: float) -> Censor:
    rng = random.Random(repr(seed))
    return lambda block: rng.random() < probability


@dataclass(frozen=True)
class Circumstances:
    """What L1 is like. ``budget``: the blocks that may be censored; by default C. ``delay``: how
    late honest moves come; by default δ. ``adversary_last``: it acts after the honest in each
    block, else before.
    """

    censor: Censor = nothing_censored
    budget: int | None = None
    adversary_last: bool = False
    delay: int | None = None


@dataclass
class Ending:
    """How a dispute ended. ``winner``: the id of the confirmed root, or None.

    ``block``: when. ``moves``: how many of each kind each party made, without those that changed
    nothing; ``refused``: how many of each party's the contract refused. ``spent``: wei lost by each
    party at the end, or won if below 0.
    """

    winner: bytes | None = None
    block: int = 0
    moves: dict[str, Counter[str]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    spent: dict[str, int] = field(default_factory=dict)


class Play:
    """A dispute under way."""

    def __init__(
        self,
        stage: Dispute,
        origin: bytes,
        parties: Sequence[Party],
        circumstances: Circumstances | None = None,
    ) -> None:
        self.stage = stage
        self.origin = origin
        self.parties = parties
        self.circumstances = circumstances or Circumstances()
        self.ending = Ending()
        terms = stage.table.terms
        budget, delay = self.circumstances.budget, self.circumstances.delay
        self._censorship_left = terms.censorship if budget is None else budget
        self._delay = terms.delay if delay is None else delay
        #: Honest moves on their way: the block in which each is due.
        self._pending: dict[str, dict[Move, int]] = {party.name: {} for party in parties}
        for party in parties:
            stage.deposit(party.address, FUNDS)
            self.ending.moves[party.name] = Counter()

    def run(self, blocks: int | None = None, until_settled: bool = False) -> Ending:
        """Play until the dispute is decided; or until every contest is, and all bounties paid.

        At most ``blocks`` long, by default several times the bound.
        """
        limit = blocks or _PATIENCE * self.stage.table.bound
        for _ in range(limit):
            self.block()
            if self.is_decided() and not (until_settled and self._is_busy()):
                break
        self._settle()
        return self.ending

    def is_decided(self) -> bool:
        return (self.origin, 0) in self.stage.contests

    def _is_busy(self) -> bool:
        return any(party.strategy(self.stage) for party in self.parties if party.is_honest) or any(
            (entry.node.origin, entry.node.level) not in self.stage.contests
            for entry in self.stage.graph.entries.values()
            if entry.rank
        )

    def block(self) -> None:
        """One block of L1."""
        self.stage.now += 1
        is_censored = self._censorship_left > 0 and self.circumstances.censor(self.stage.now)
        self._censorship_left -= is_censored
        if not self.circumstances.adversary_last:
            self._adversaries_move()
        for party in self.parties:
            if party.is_honest:
                self._honest_moves(party, is_censored)
        if self.circumstances.adversary_last:
            self._adversaries_move()
        for party in self.parties:
            if party.is_honest:
                self._consider(party)
        if self.is_decided() and self.ending.winner is None:
            self.ending.winner = self.stage.contests[self.origin, 0].winner
            self.ending.block = self.stage.now

    def _adversaries_move(self) -> None:
        for party in self.parties:
            if not party.is_honest:
                for move in party.strategy(self.stage):
                    self._make(party, move)

    def _honest_moves(self, party: Party, is_censored: bool) -> None:
        """Make the moves that are due; in a censored block, they all come one block later."""
        pending = self._pending[party.name]
        for move, due in list(pending.items()):
            if is_censored:
                pending[move] = due + 1
            elif due <= self.stage.now:
                del pending[move]
                self._make(party, move)

    def _consider(self, party: Party) -> None:
        """Send what the state of things calls for, unless it is on its way."""
        pending = self._pending[party.name]
        for move in party.strategy(self.stage):
            pending.setdefault(move, self.stage.now + 1 + self._delay)

    def _make(self, party: Party, move: Move) -> None:
        before = self._changes()
        try:
            move.make(self.stage, party.address, 0)
        except Refused:
            self.ending.refused[party.name] += 1
        else:
            is_new = isinstance(move, UpdateTimers) or self._changes() != before
            self.ending.moves[party.name][type(move).__name__] += is_new

    def _changes(self) -> tuple[int, ...]:
        """What is other after a move that was not made before."""
        stage, graph = self.stage, self.stage.graph
        return (
            len(graph.entries),
            len(graph.halves),
            len(stage.provers),
            len(stage.contests),
            len(stage.paid),
        )

    def _settle(self) -> None:
        for party in self.parties:
            self.ending.spent[party.name] = FUNDS - self.stage.withdraw(party.address)
