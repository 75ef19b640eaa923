"""Disputes about what digit it is: real networks, images and heights; once on a real node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.development import mine_at_once
from contracts.l1 import L1
from dispute.adversaries import Lie, honest, liar
from dispute.runner import play as run
from mlvm.game import HEIGHTS
from mlvm.models import mnist
from mlvm.models.catalogue import MODELS
from tests.dispute.ground import FUNDS, Ground, node
from tests.dispute.worlds import World
from tests.mlvm import impostors, inferences
from tests.mlvm.impostors import Histories
from tests.mlvm.playing import assert_told, assert_won, play


def digit(number: int) -> bytes:
    """An image."""
    return mnist.images("t10k")[0][number].tobytes()


@pytest.fixture(params=["mlp", "cnn"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    model = MODELS[f"mnist-{request.param}"](None).model
    return inferences.world(model, digit(0), tmp_path / "honest", HEIGHTS)


def another_digit(world: World, cache: Path) -> Histories:
    real = inferences.honest(world).inference
    return impostors.of_another(world, real.model, digit(1), cache)


def another_model(world: World, cache: Path) -> Histories:
    model = inferences.honest(world).inference.model
    other = "cnn" if model.about["name"] == "mnist-mlp" else "mlp"
    other_model = MODELS[f"mnist-{other}"](None).model
    return impostors.of_another(world, other_model, digit(0), cache)


WRONG: dict[str, Callable[[World, Path], Histories]] = {
    "the answer": lambda world, _: impostors.output_byte(world, 1),
    "a hidden activation": lambda world, _: impostors.activation(world, 2, 7),
    "a weight": impostors.weight,
    "the image": another_digit,
    "the network": another_model,
}


@pytest.mark.parametrize("wrong_about", WRONG)
def test_whoever_is_wrong_about_a_digit_loses(
    wrong_about: str, world: World, tmp_path: Path
) -> None:
    impostor = WRONG[wrong_about](world, tmp_path / "evil")
    ending, stage = play(world, honest(impostor, world.origin))
    assert_won(world, ending, stage)


def test_a_lie_in_the_middle_of_the_products(world: World) -> None:
    """One instruction of some hundred thousand."""
    steps = inferences.honest(world).run(world.origin, (1,)).end().step
    place = steps // 2
    lie = Lie(0, (2, (place >> 12) + 1, (place & 4095) + 1))
    ending, stage = play(world, liar(world.histories, world.table, world.origin, lie))
    assert_won(world, ending, stage)


@pytest.mark.slow
def test_a_digit_on_a_real_node(world: World, tmp_path: Path) -> None:
    """Two runners, each with nothing but its histories; whoever is wrong pays."""
    evil = impostors.weight(world, tmp_path / "evil")
    with node(tmp_path) as running:
        ground = Ground.prepare(L1.connect(running.url), world, "honest", "liar")
        account = ground.address("honest")
        ours = honest(world.histories, world.origin, account)
        agent = ground.runner("honest", ours, withdraw_to=account)
        liar_ = ground.runner("liar", honest(evil, world.origin))

        def is_over(view: object) -> bool:
            contest = (world.origin, 0) in view.contests  # type: ignore[attr-defined]
            return contest and not view.credits.get(account)  # type: ignore[attr-defined]

        assert run([agent, liar_], ground.mine, is_over, 3 * world.table.bound)
        assert ground.l1.balance(account) > FUNDS
        assert ground.l1.balance(ground.address("liar")) < FUNDS
        mine_at_once(ground.l1)
        assert_told(world, ground.contract)
