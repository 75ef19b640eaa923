"""What must not be done (docs/dispute.md): each done, and how it is made use of."""

from __future__ import annotations

import pytest

from dispute import agent
from dispute.adversaries import Lie, Strategy, honest, liar
from dispute.hash_chain import ChainHistories, ChainStep
from dispute.protocol import Dispute
from dispute.simulate import Party, Play
from fpvm.keccak import keccak256
from tests.dispute import bugs
from tests.dispute.worlds import chain_world

ORIGIN = keccak256(b"known bugs")


def is_won_by_the_honest(rules: type[Dispute], heights: tuple[int, ...], evil: Strategy) -> bool:
    table, truth = chain_world(heights).table, ChainHistories(heights)
    stage = rules(table, ChainStep())
    parties = [Party("evil", evil), Party("honest", honest(truth, ORIGIN), is_honest=True)]
    ending = Play(stage, ORIGIN, parties).run()
    return ending.winner == agent.honest_root(stage, truth, ORIGIN).id()


def thief(heights: tuple[int, ...]) -> Strategy:
    lie = Lie(0, tuple(1 << height for height in heights))
    truth = ChainHistories(heights)
    return bugs.thief_of_timers(liar(truth, chain_world(heights).table, ORIGIN, lie))


@pytest.mark.parametrize(
    ("bug", "heights", "evil"),
    [
        (bugs.SharedTimers, (2, 2), thief((2, 2))),
        (bugs.NoBase, (2,), bugs.user_of_false_bases(ORIGIN, (2,))),
        (bugs.AnyStart, (2, 2), bugs.user_of_false_starts(ORIGIN, (2, 2))),
    ],
)
def test_a_bug_put_back_in_loses_a_game_that_is_won_without_it(
    bug: type[Dispute], heights: tuple[int, ...], evil: Strategy
) -> None:
    assert is_won_by_the_honest(Dispute, heights, evil)
    assert not is_won_by_the_honest(bug, heights, evil)
