"""All games on tiny tables: none is lost, and the longest is one block short of the bound."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from tests.dispute.bugs import SharedTimers
from tests.dispute.exhaustive import LOST, Search, lies_of, tightest

#: Heights, C, δ, variants of each lie, false roots in a contest.
CASES = [
    ((1,), 0, 0, 2, 2),
    ((1,), 1, 0, 2, 2),
    ((1,), 1, 1, 1, 1),
    ((1,), 2, 2, 2, 1),
    ((2,), 0, 0, 1, 1),
    ((2,), 1, 1, 1, 1),
    ((1, 1), 0, 0, 1, 1),
    ((1, 1), 1, 0, 1, 1),
]
#: These take minutes: AXONUM_EXHAUSTIVE=1.
LONG_CASES = [
    ((1,), 1, 1, 2, 2),
    ((2,), 0, 0, 1, 2),
    ((2, 1), 0, 0, 1, 1),
    ((1, 1), 1, 1, 1, 1),
]


@pytest.fixture(autouse=True)
def deep_recursion() -> Iterator[None]:
    """A search goes one level deeper with each block of a game, by a few frames."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("heights", "censorship", "delay", "variants", "roots"),
    CASES + (LONG_CASES if os.environ.get("AXONUM_EXHAUSTIVE") else []),
)
def test_no_game_is_lost_and_the_bound_is_tight(
    heights: tuple[int, ...], censorship: int, delay: int, variants: int, roots: int
) -> None:
    table = tightest(heights, censorship, delay)
    search = Search(table, lies_of(heights, variants), roots)
    longest = search.longest()
    print(f"{heights} C={censorship} δ={delay}: {len(search.known):,} positions, {longest} blocks")
    assert len(search.known) > 100
    assert longest == table.bound - 1


def test_more_censorship_than_the_terms_allow_for_can_lose() -> None:
    """The search does find lost games where there are some."""
    table = tightest((1,), 0, 0)
    search = Search(table, lies_of((1,), 1), 1)
    assert search.longest(table.terms.confirm_after + 1) == LOST


def test_a_bug_loses_games() -> None:
    search = Search(tightest((1, 1), 0, 0), lies_of((1, 1), 1), 1, SharedTimers)
    assert search.longest() == LOST
