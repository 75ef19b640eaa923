"""The worlds that disputes are tested in hang together."""

from __future__ import annotations

import pytest

from dispute.protocol import check_end
from fpvm.history import leaf, verify_last
from fpvm.keccak import keccak256
from tests.dispute.worlds import PROGRAMS, World, chain_world, vm_world

HEIGHTS = ((2, 2, 2), (3, 2, 2), (1, 3, 1), (2, 4))
WORLDS = [*(vm_world(name, heights) for name in PROGRAMS for heights in HEIGHTS), chain_world()]


@pytest.mark.parametrize("world", WORLDS, ids=lambda w: f"{w.name} {len(w.table.levels)}")
def test_every_history_leads_to_the_one_above_it(world: World) -> None:
    check_below(world, ())


def check_below(world: World, path: tuple[int, ...]) -> None:
    history = world.histories.history(world.origin, path)
    for position in range(1 << history.height):
        pre, claimed = history.state(position), history.span(position, 0)
        assert verify_last(position, pre, history.prove_last(position)) == history.base(position)
        below = (*path, position)
        if len(below) == len(world.table.levels):
            witness = world.histories.witness(world.origin, below)
            assert keccak256(witness.state) == pre
            assert leaf(world.judge.post_state(witness)) == claimed
            continue
        boundary = world.table.levels[len(below)].boundary
        finer = world.histories.history(world.origin, below)
        assert finer.state(0) == boundary.start(world.origin, position, pre)
        end = finer.state(1 << finer.height)
        check_end(finer.root(), finer.height, end, finer.prove_end())
        outcome = boundary.outcome(end, world.histories.outcome_proof(world.origin, below))
        assert leaf(outcome) == claimed
        check_below(world, below)
