"""Whole disputes on the contract and the model in lockstep."""

from __future__ import annotations

import random

import pytest

from contracts.evm import PyEvm
from dispute.adversaries import Lie, honest, liar, random_places, sybils
from dispute.agent import honest_root
from dispute.simulate import Party, Play
from tests.dispute.lockstep import Lockstep
from tests.dispute.worlds import PROGRAMS, World, vm_world


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_dispute_about_every_program(program: str) -> None:
    world = vm_world(program)
    play_out(Lockstep(world), liar_about(world, random_places(world.table, random.Random(program))))


def test_three_sybils() -> None:
    world = vm_world("count", (3, 2, 2))
    lies = sybils(world.histories, world.table, world.origin, 3)
    play_out(Lockstep(world), *(Party(f"sybil {n}", lie) for n, lie in enumerate(lies)))


def test_in_another_evm() -> None:
    world = vm_world()
    play_out(Lockstep(world, PyEvm()), liar_about(world, (2, 2, 2)))


def liar_about(world: World, at: tuple[int, ...]) -> Party:
    return Party("liar", liar(world.histories, world.table, world.origin, Lie(1, at)))


def play_out(stage: Lockstep, *adversaries: Party) -> None:
    """Until the truth has won and everything is paid."""
    world = stage.world
    payee = Party("honest", lambda view: []).address
    party = Party("honest", honest(world.histories, world.origin, payee), is_honest=True)
    ending = Play(stage, world.origin, [party, *adversaries]).run(until_settled=True)
    stage.check_all()
    winner = honest_root(stage, world.histories, world.origin)
    assert ending.winner == winner.id()
    assert ending.spent["honest"] < 0 < min(ending.spent[p.name] for p in adversaries)
