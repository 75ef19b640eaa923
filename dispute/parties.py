"""Adversaries by name, for whoever wants to see how a dispute goes against one."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dispute.adversaries import (
    Lie,
    Strategy,
    after,
    both,
    every,
    false_friend,
    honest,
    idle,
    liar,
    only,
    random_places,
    shuffled,
    spammer,
    tampered,
)
from dispute.case import Case
from dispute.moves import Bisect, Open, Prove, Refine
from dispute.simulate import Party

#: False roots that one "sybils" opens.
SYBILS = 8
#: More of one kind would be no simulation but a test of patience.
MAX_COUNT = 512


class PartyError(ValueError):
    """No adversary has such a name, or there cannot be so many."""


@dataclass(frozen=True, slots=True)
class Adversary:
    """``what`` it does, in words; ``make`` gives its strategy, with a number that tells it from
    others and random places to lie at."""

    what: str
    make: Callable[[Case, random.Random, object], Strategy]


def _liar(case: Case, rng: random.Random, seed: object) -> Strategy:
    return liar(case.histories, case.table, case.origin, Lie(seed, random_places(case.table, rng)))


def _late(case: Case, rng: random.Random, seed: object) -> Strategy:
    return after(case.table.terms.confirm_after, _liar(case, rng, seed))


def _sybils(case: Case, rng: random.Random, seed: object) -> Strategy:
    return both(*(_liar(case, rng, (seed, number)) for number in range(SYBILS)))


def _frenemy(case: Case, rng: random.Random, seed: object) -> Strategy:
    friend = false_friend(case.histories, case.table, case.origin, seed)
    return both(friend, _liar(case, rng, seed))


def _racer(case: Case, rng: random.Random, seed: object) -> Strategy:
    copycat = only(honest(case.histories, case.origin), Open, Bisect, Refine, Prove)
    return both(copycat, _liar(case, rng, seed))


def _forger(case: Case, rng: random.Random, seed: object) -> Strategy:
    lie = _liar(case, rng, seed)
    return both(tampered(lie), lie)


ADVERSARIES: dict[str, Adversary] = {
    "liar": Adversary("claims what is false, and defends it as well as can be", _liar),
    "idle": Adversary("claims what is false, and then does nothing", lambda *a: idle(_liar(*a))),
    "late": Adversary("a liar who comes when the truth is about to be confirmed", _late),
    "slow": Adversary("a liar who moves in every third block", lambda *a: every(3, _liar(*a))),
    "sybils": Adversary(f"opens {SYBILS} false roots from one address", _sybils),
    "frenemy": Adversary("lies, and supports what is true by what is false", _frenemy),
    "racer": Adversary("makes the honest moves first, and lies against itself", _racer),
    "spammer": Adversary(
        "a liar who updates all timers in every block", lambda *a: both(_liar(*a), spammer)
    ),
    "forger": Adversary("a liar who makes each move in all wrong ways, too", _forger),
    "erratic": Adversary(
        "a liar who moves in any order, and late", lambda *a: shuffled(_liar(*a), a[2])
    ),
}


def parse(text: str) -> tuple[str, int]:
    """``NAME`` or ``NAME:COUNT``. Raises :class:`PartyError`."""
    name, colon, count = text.partition(":")
    if name not in ADVERSARIES:
        raise PartyError(
            f"no adversary is called {name[:40]!r}: there are {', '.join(ADVERSARIES)}"
        )
    if not colon:
        return name, 1
    if not count.isascii() or not count.isdecimal() or not 0 < int(count[:9]) <= MAX_COUNT:
        raise PartyError(f"{text[:40]!r}: there can be 1 to {MAX_COUNT} of them")
    return name, int(count[:9])


def adversaries(case: Case, wanted: list[tuple[str, int]], seed: object) -> Iterator[Party]:
    """So many of each name, who lie at random places. Equal seeds give equal parties."""
    rng = random.Random(f"adversaries {seed}")
    for name, count in wanted:
        for number in range(count):
            title = f"{name} {number + 1}" if count > 1 else name
            yield Party(title, ADVERSARIES[name].make(case, rng, (seed, title)))


def honest_parties(case: Case, count: int) -> Iterator[Party]:
    """So many who know the truth, and claim the bounties that they have earned."""
    for number in range(count):
        name = f"honest {number + 1}" if count > 1 else "honest"
        address = Party(name, lambda view: []).address
        yield Party(name, honest(case.histories, case.origin, address), is_honest=True)
