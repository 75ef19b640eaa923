"""Whole disputes on a real node, over a real program: a stock Go program of some 200 million steps.

Agents and node are started again in between; neither keeps anything but the chain and the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from contracts.development import request
from contracts.l1 import L1
from dispute.adversaries import Lie, honest, liar, sybils
from dispute.agent import honest_root
from dispute.events import Replica
from dispute.histories import ProgramHistories
from dispute.runner import Runner, play
from dispute.table import Level, Table
from dispute.vm import GivenWords, ProgramRuns, SameStates, Steps
from fpvm.elf import kernel_image, load
from fpvm.memory import Memory
from fpvm.sources import DictSource
from fpvm.state import genesis
from programs.build import build
from tests.dispute.ground import FUNDS, Ground, Node, node
from tests.dispute.worlds import STAKE, World, terms, vm_world

HONEST = "honest"
#: Words of the native level, and the strides of the VM: 2^28 steps in all.
HEIGHTS = (6, 8, 10, 10)
ORIGIN = bytes(32)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Node]:
    with node(tmp_path) as started:
        yield started


def go_histories(cache: Path) -> tuple[ProgramHistories, Table]:
    """The histories of the Go program, as an agent has them that was just started."""
    program = load(build("sha256chain").read_bytes(), kernel_image())
    memory = Memory(program.pages)
    start = genesis(memory.root(), program.pc, ORIGIN)
    boundaries = (GivenWords(), ProgramRuns(start.mem_root, start.pc), SameStates(), SameStates())
    levels = (Level(h, b, STAKE) for h, b in zip(HEIGHTS, boundaries, strict=True))
    table = Table(tuple(levels), terms(HEIGHTS))
    return ProgramHistories(start, memory, DictSource(), table, cache), table


def go_world(cache: Path) -> World:
    histories, table = go_histories(cache)
    return World("sha256chain", table, Steps(), histories, ORIGIN)


def truthful(ground: Ground, cache: Path | None = None) -> Runner:
    """An honest agent as if just started, which knows no more than what is in its cache."""
    world, account = ground.world, ground.address(HONEST)
    histories = go_histories(cache)[0] if cache else world.histories
    return ground.runner(HONEST, honest(histories, world.origin, account), withdraw_to=account)


def finish(ground: Ground, runners: Sequence[Runner]) -> None:
    """The right root is confirmed, and the honest side is paid all that it is owed."""
    world, account = ground.world, ground.address(HONEST)
    right = honest_root(world.model(), world.histories, world.origin).id()

    def is_over(view: Replica) -> bool:
        return (world.origin, 0) in view.contests and not view.credits.get(account)

    view = play(runners, ground.mine, is_over, 3 * world.table.bound)
    assert view is not None
    assert view.contests[world.origin, 0].winner == ground.winner() == right
    assert runners[0].report().at_stake == 0
    assert ground.l1.balance(account) > FUNDS
    runners[0].watcher.check()


@pytest.mark.slow
def test_two_parties_over_a_go_program(running: Node, tmp_path: Path) -> None:
    """Down to one of 200 million instructions, which L1 executes; everybody restarts on the way."""
    world = go_world(tmp_path / "judge")
    ground = Ground.prepare(L1.connect(running.url), world, HONEST, "liar")
    lie = Lie(0, (1, 120, 700, 333))
    adversary = ground.runner("liar", liar(world.histories, world.table, world.origin, lie))
    agent = truthful(ground, tmp_path / "cache")
    for block in range(45):
        if block % 9 == 4:
            agent = truthful(ground, tmp_path / "cache")
        if block % 20 == 13:
            running.restart()  # what waits is lost, and has to be sent again
        play([agent, adversary], ground.mine, lambda view: False, 1)
    finish(ground, [truthful(ground, tmp_path / "cache"), adversary])
    assert list(agent.watcher.follow().provers.values()) == [ground.address(HONEST)]


@pytest.mark.slow
def test_five_sybils_over_a_go_program(running: Node, tmp_path: Path) -> None:
    world = go_world(tmp_path / "judge")
    names = [f"sybil {number}" for number in range(5)]
    ground = Ground.prepare(L1.connect(running.url), world, HONEST, *names)
    strategies = sybils(world.histories, world.table, world.origin, len(names))
    adversaries = [ground.runner(n, s) for n, s in zip(names, strategies, strict=True)]
    agent = truthful(ground, tmp_path / "cache")
    for _ in range(2):
        play([agent, *adversaries], ground.mine, lambda view: False, 12)
        running.restart()
        agent = truthful(ground, tmp_path / "cache")
    finish(ground, [agent, *adversaries])
    for name in names:
        assert ground.l1.balance(ground.address(name)) < FUNDS - STAKE


# --- What a real node may do to a chain -----------------------------------------------------------


def small(running: Node) -> tuple[Ground, Runner, Runner]:
    """A dispute over a small program."""
    world = vm_world("count", (3, 3, 3))
    ground = Ground.prepare(L1.connect(running.url), world, HONEST, "liar")
    lies = liar(world.histories, world.table, world.origin, Lie(0, (5, 6, 3)))
    return ground, truthful(ground), ground.runner("liar", lies)


def done(view: Replica) -> int:
    """How much is there."""
    return len(view.graph.entries) + len(view.provers)


@pytest.mark.parametrize("depth", [1, 3, 6])
def test_reorg_mid_bisect(running: Node, depth: int) -> None:
    """The last blocks are replaced by empty ones, time and again; both sides have to move again."""
    ground, agent, adversary = small(running)
    for block in range(14):
        play([agent, adversary], ground.mine, lambda view: False, 1)
        if block in (6, 13):
            before = done(agent.watcher.follow())
            request(ground.l1, "anvil_reorg", depth, [])
            assert done(agent.watcher.follow()) < before
            agent.watcher.check()
    finish(ground, [agent, adversary])
    assert not ground.said(HONEST, "failed")


def test_a_dropped_transaction(running: Node) -> None:
    ground, agent, adversary = small(running)
    for _ in range(12):
        agent.step()
        request(ground.l1, "anvil_dropAllTransactions")
        adversary.step()
        ground.mine()
        play([agent, adversary], ground.mine, lambda view: False, 1)
    assert ground.said(HONEST, "resent")
    finish(ground, [agent, adversary])


def test_gas_that_becomes_dearer(running: Node) -> None:
    """No block takes what was offered; the next offer is one that it takes."""
    ground, agent, adversary = small(running)
    for block in range(20):
        agent.step()
        adversary.step()
        if block in (3, 9):
            fees: Any = ground.account(HONEST).fees()
            request(ground.l1, "anvil_setNextBlockBaseFeePerGas", hex(4 * fees.most))
        ground.mine()
    assert ground.said(HONEST, "raised")
    finish(ground, [agent, adversary])
