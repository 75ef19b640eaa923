"""The terms that a dispute is held on: its levels, its times, its stakes (docs/dispute.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

#: A position is 64 bits on L1; no history is that long.
MAX_HEIGHT = 32
MAX_LEVELS = 8
#: What L1 keeps: blocks in 40 bits, stakes and bounties in 88.
MAX_BLOCKS, MAX_WEI = (1 << 40) - 1, (1 << 88) - 1


class TermsError(ValueError):
    """Terms on which an honest party could lose, or not be paid."""


class Boundary(Protocol):
    """What joins a level to the coarser one above it. On L1, a small contract that never changes
    its answers."""

    def start(self, origin: bytes, index: int, pre: bytes) -> bytes:
        """S0 of the finer history that refines the step from ``pre``, which is S(index) of the
        dispute with this ``origin``. For level 0: S0 of a dispute, from the origin alone (index 0,
        ``pre`` a word of zeros)."""
        ...

    def outcome(self, end: bytes, proof: bytes) -> bytes:
        """The state of the coarser history that the finer one, ending in ``end``, leads to.

        Raises :class:`dispute.protocol.Refused` unless ``proof`` is what it takes to tell.
        """
        ...


@dataclass(frozen=True, slots=True)
class Level:
    """Histories of 2^height states after the first. ``stake``: wei for a history that has no rival
    yet; the k-th rival posts k times as much."""

    height: int
    boundary: Boundary
    stake: int


@dataclass(frozen=True, slots=True)
class Terms:
    """``confirm_after`` (T), ``censorship`` (C), ``delay`` (δ, of one move) and ``compute`` (all
    that the honest party needs to compute, over the whole dispute) are numbers of L1 blocks.

    ``bounty``: wei for one move on the winner's side. ``sink``: the address that gets what losers
    staked and bounties leave.
    """

    confirm_after: int
    censorship: int
    delay: int
    compute: int
    bounty: int
    sink: bytes


@dataclass(frozen=True, slots=True)
class Table:
    """Levels from the coarsest to the finest, whose states are one VM step apart.

    Raises :class:`TermsError` for terms that the contract would not be deployed with.
    """

    levels: tuple[Level, ...]
    terms: Terms

    def __post_init__(self) -> None:
        if not 1 <= len(self.levels) <= MAX_LEVELS:
            raise TermsError(f"a dispute has 1 to {MAX_LEVELS} levels, not {len(self.levels)}")
        self._check_widths()
        for number, level in enumerate(self.levels):
            if not 1 <= level.height <= MAX_HEIGHT:
                raise TermsError(f"level {number}: its height is {level.height}, not 1 to 32")
            if level.stake < self.terms.bounty * moves_per_rival(level.height):
                raise TermsError(f"level {number}: its stake does not cover the bounties")
        if self.terms.confirm_after <= self.allowance:
            raise TermsError(
                f"T is {self.terms.confirm_after}: not above {self.allowance}, which the other side"
                " may gain by censorship and delay"
            )

    def _check_widths(self) -> None:
        terms = self.terms
        times = (terms.confirm_after, terms.censorship, terms.delay, terms.compute)
        if not all(0 <= time <= MAX_BLOCKS for time in times):
            raise TermsError(f"a time is 0 to {MAX_BLOCKS} blocks: {times}")
        amounts = (terms.bounty, *(level.stake for level in self.levels))
        if not all(0 <= amount <= MAX_WEI for amount in amounts):
            raise TermsError(f"a stake or a bounty is 0 to {MAX_WEI} wei: {amounts}")
        if len(terms.sink) != 20:
            raise TermsError(f"an address has 20 bytes, not {len(terms.sink)}")

    @property
    def last(self) -> int:
        """The number of the finest level."""
        return len(self.levels) - 1

    @property
    def allowance(self) -> int:
        """C + (δ + 1)(K + L + 1) + compute: the blocks in which the honest party, who has to be
        waited for, may be without a move of its own to count."""
        moves = sum(level.height for level in self.levels) + len(self.levels) + 1
        return self.terms.censorship + (self.terms.delay + 1) * moves + self.terms.compute

    @property
    def bound(self) -> int:
        """The blocks within which an honest root has come to T, counted from when it was called
        for. To confirm it is one move more."""
        return self.terms.confirm_after + self.allowance

    def stake(self, level: int, rivals: int) -> int:
        """Wei to post for a history at ``level`` beside ``rivals`` others."""
        return self.levels[level].stake * (rivals + 1)


def moves_per_rival(height: int) -> int:
    """The most bounties that one more rival at a level of ``height`` can cost.

    One for each bisection on the one path on which it differs from the winner, one for the move at
    its end, one for opening the winner and one for confirming it.
    """
    return height + 3
