"""Games at random: tables, lies, how the adversaries go about it, what is censored, who goes first.

In each the honest root wins within the bound, and whoever was honest has lost nothing.
"""

from __future__ import annotations

import os
import random

import pytest

from dispute import agent
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
    one_at_a_time,
    random_places,
    shuffled,
    spammer,
    tampered,
)
from dispute.hash_chain import ChainHistories, ChainStep, chain_table
from dispute.protocol import Dispute
from dispute.simulate import Circumstances, Party, Play, at_random, burst, nothing_censored, split
from dispute.table import Table, Terms, moves_per_rival
from fpvm.keccak import keccak256

GAMES = int(os.environ.get("AXONUM_GAMES", "10000"))
BATCHES = 20
ORIGIN = keccak256(b"random games")
HEIGHTS = ((1,), (2,), (4,), (1, 1), (2, 1), (3, 2), (1, 3), (2, 2, 1), (1, 1, 1, 1))
BOUNTY = 10
CROWD = 5


def random_table(rng: random.Random) -> Table:
    """Terms that are as tight as can be."""
    heights = rng.choice(HEIGHTS)
    censorship, delay, compute = rng.randrange(8), rng.randrange(3), rng.randrange(4)
    moves = sum(heights) + len(heights) + 1
    confirm_after = censorship + (delay + 1) * moves + compute + 1
    terms = Terms(confirm_after, censorship, delay, compute, BOUNTY, b"\x51" * 20)
    return chain_table(heights, terms, BOUNTY * moves_per_rival(max(heights)))


def random_adversary(
    rng: random.Random, table: Table, truth: ChainHistories, number: int
) -> Strategy:
    seed = rng.choice((number, 0))  # with equal seeds, two may lie in the same way
    evil = liar(truth, table, ORIGIN, Lie(seed, random_places(table, rng)))
    block = rng.randrange(2 * table.terms.confirm_after)
    return rng.choice(
        (
            evil,
            idle(evil),
            after(block, evil),
            every(rng.randrange(2, 5), evil),
            one_at_a_time(evil),
            shuffled(evil, number),
            both(evil, spammer),
            both(evil, tampered(evil)),
            both(evil, false_friend(truth, table, ORIGIN, seed)),
            both(false_friend(truth, table, ORIGIN, seed), after(block, evil)),
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_the_honest_root_wins_within_the_bound(batch: int) -> None:
    for game in range(batch, GAMES, BATCHES):
        rng = random.Random(f"game {game}")
        table = random_table(rng)
        truth = ChainHistories(tuple(level.height for level in table.levels))
        evil = [
            Party(f"evil {number}", random_adversary(rng, table, truth, number))
            for number in range(rng.randrange(CROWD))
        ]
        parties = [
            Party(f"honest {number}", honest(truth, ORIGIN), is_honest=True)
            for number in range(rng.choice((1, 1, 2)))
        ]
        parties = rng.sample([*evil, *parties], len(evil) + len(parties))
        length = table.terms.confirm_after
        censor = rng.choice(
            (
                nothing_censored,
                burst(rng.randrange(1, length + 1), length),
                split(rng.randrange(2, 5)),
                at_random(game, 0.3),
            )
        )
        stage = Dispute(table, ChainStep())
        play = Play(
            stage,
            ORIGIN,
            parties,
            Circumstances(
                censor,
                adversary_last=rng.random() < 0.5,
                delay=table.terms.delay + rng.randrange(table.terms.compute // 8 + 1),
            ),
        )
        ending = play.run()
        assert ending.winner == agent.honest_root(stage, truth, ORIGIN).id(), game
        # The honest root is called for after block 1; to confirm it is one move more.
        assert ending.block <= 1 + table.bound + table.terms.delay, game
