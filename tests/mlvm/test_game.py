"""Disputes about an inference, down to one instruction of the guest: on the contract and the model.

The model has one task of every kind. Whatever somebody claims who is wrong about its inference,
somebody honest wins, and the contract for results tells what is right.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dispute.adversaries import Lie, honest, liar, sybils
from dispute.agent import honest_root
from tests.dispute.worlds import World
from tests.mlvm import inferences
from tests.mlvm.impostors import IMPOSTORS
from tests.mlvm.inferences import NAMES, every_kind
from tests.mlvm.playing import assert_told, assert_won, play


@pytest.fixture
def world(tmp_path: Path) -> World:
    return inferences.world(*every_kind(), tmp_path / "honest")


@pytest.mark.parametrize("wrong_about", IMPOSTORS)
def test_whoever_is_wrong_loses(wrong_about: str, world: World, tmp_path: Path) -> None:
    impostor = IMPOSTORS[wrong_about](world, tmp_path / "evil")
    claimed = impostor.history(world.origin, ())
    assert claimed.state(0) == world.histories.history(world.origin, ()).state(0)
    assert claimed.root() != world.histories.history(world.origin, ()).root()
    ending, stage = play(world, honest(impostor, world.origin))
    assert_won(world, ending, stage)
    assert ending.moves["evil0"]["Refine"] == 2
    assert not ending.moves["evil0"]["Prove"]


@pytest.mark.parametrize("index", range(len(NAMES)), ids=lambda index: NAMES[index])
def test_a_lie_in_a_task_of_every_kind(index: int, world: World) -> None:
    """In the middle of its run: what is proved is an instruction that computes."""
    steps = inferences.honest(world).run(world.origin, (index,)).end().step
    place = steps // 2
    lie = Lie(index, (index + 1, (place >> 12) + 1, (place & 4095) + 1))
    ending, stage = play(world, liar(world.histories, world.table, world.origin, lie))
    assert_won(world, ending, stage)


@pytest.mark.parametrize("position", [15, 16])
def test_a_lie_behind_the_last_task(position: int, world: World) -> None:
    """There is no such task, and the guest says so: it changes nothing."""
    lie = Lie(position, (position, 5, 77))
    ending, stage = play(world, liar(world.histories, world.table, world.origin, lie))
    assert_won(world, ending, stage)


@pytest.mark.slow
def test_many_at_once(world: World, tmp_path: Path) -> None:
    """Every third who is wrong, and some who lie at random."""
    makers = list(IMPOSTORS.values())[::3]
    crowd = [make(world, tmp_path / f"evil{n}") for n, make in enumerate(makers)]
    evil = [honest(each, world.origin) for each in crowd]
    evil += sybils(world.histories, world.table, world.origin, 3)
    ending, stage = play(world, *evil)
    assert ending.winner == honest_root(stage.model, world.histories, world.origin).id()
    assert ending.spent["honest"] <= 0
    assert_told(world, stage.contract)


def test_nobody_is_wrong(world: World) -> None:
    ending, stage = play(world)
    assert_won(world, ending, stage, proofs=0)
