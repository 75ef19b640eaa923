"""Forged moves, by name: what each of them tries, and what it is refused with.

On the model and on the contract, which must refuse with the same words.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from dispute import agent
from dispute.adversaries import FalseHistories, Lie, forged_end, honest
from dispute.graph import Node
from dispute.moves import Bisect, Move, Prove, Refine
from dispute.protocol import Dispute, Refused
from dispute.simulate import Party, Play
from fpvm.history import History
from fpvm.oracle import keccak_key
from fpvm.proof import Part
from tests.dispute.lockstep import Lockstep
from tests.dispute.worlds import PREIMAGE, World, chain_world, vm_world

HEIGHTS = (2, 2, 2)
LIE = Lie(0, (3, 3, 3))
#: Terminals with a path to their pre-state: at position 2, of two words.
LEVELS = (0, 1)
MALLORY = b"m" * 20


@pytest.fixture(params=["model", "contract"])
def dispute(request: pytest.FixtureRequest) -> Dispute:
    """A dispute that nobody has begun."""
    if request.param == "model":
        return chain_world(HEIGHTS).model()
    return Lockstep(vm_world("count", HEIGHTS))  # type: ignore[return-value]


def world_of(dispute: Dispute) -> World:
    return dispute.world if isinstance(dispute, Lockstep) else chain_world(HEIGHTS)


def played_until(dispute: Dispute, kind: type[Move], level: int) -> Move:
    """The first honest move of this kind, at a terminal of this level; it is not made."""
    world = world_of(dispute)
    false = FalseHistories(world.histories, world.table, LIE)
    parties = [
        Party("evil", honest(false, world.origin)),
        Party("honest", honest(world.histories, world.origin), is_honest=True),
    ]
    play = Play(dispute, world.origin, parties)
    for _ in range(world.table.bound):
        play.block()
        for move in agent.moves(dispute, world.histories, world.origin):
            if isinstance(move, kind) and move.terminal.level == level:  # type: ignore[attr-defined]
                return move
    raise AssertionError("no such move was called for")


def refused(dispute: Dispute, move: Move) -> str:
    """The error that a move of Mallory's is refused with."""
    dispute.deposit(MALLORY, 10**21)
    with pytest.raises(Refused) as error:
        move.make(dispute, MALLORY, 0)
    return error.value.error


# --- Refinements ----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
def test_forged_pre_state(dispute: Dispute, level: int) -> None:
    """A refinement from a state that is not the last of the prefix."""
    move = played_until(dispute, Refine, level)
    assert isinstance(move, Refine)
    pre = world_of(dispute).histories.history(world_of(dispute).origin, ()).state(1)
    assert refused(dispute, replace(move, finer=replace(move.finer, pre=pre))) == "WrongPreState"
    path = (b"\1" * 32, *move.finer.pre_path[1:])
    forged = replace(move, finer=replace(move.finer, pre_path=path))
    assert refused(dispute, forged) == "WrongPreState"


@pytest.mark.parametrize("level", LEVELS)
def test_forged_post_state(dispute: Dispute, level: int) -> None:
    """A refinement whose outcome is not what the terminal claims: the liar's terminal, with the
    honest history; the honest one, with a history that ends elsewhere; an end that is none."""
    move = played_until(dispute, Refine, level)
    assert isinstance(move, Refine)
    [rival] = dispute.graph.rivals(move.terminal.id())
    assert refused(dispute, Refine(rival.node, move.finer)) == "WrongOutcome"
    boundary = dispute.table.levels[level + 1].boundary
    end, proof = forged_end(boundary, b"\5" * 32)
    elsewhere = History(b"\0" * 32, [end] * 4, 2)
    forged = agent.refinement(move.terminal, elsewhere, elsewhere, proof)
    finer = replace(forged.finer, pre=move.finer.pre, pre_path=move.finer.pre_path)
    assert refused(dispute, Refine(move.terminal, finer)) == "WrongOutcome"
    assert refused(dispute, replace(move, finer=replace(move.finer, end=end))) == "WrongEnd"


@pytest.mark.parametrize("level", LEVELS)
def test_wrong_outcome_proof(dispute: Dispute, level: int) -> None:
    """What the boundary is given belongs to another state, or is none."""
    move = played_until(dispute, Refine, level)
    assert isinstance(move, Refine)
    for proof in (
        move.finer.proof + b"\0",
        b"\1",
        forged_end(dispute.table.levels[1].boundary, b"x" * 32)[1],
    ):
        if proof == move.finer.proof:
            continue
        forged = replace(move, finer=replace(move.finer, proof=proof))
        assert refused(dispute, forged) == "WrongOutcomeProof"


@pytest.mark.parametrize("level", LEVELS)
def test_wrong_index(dispute: Dispute, level: int) -> None:
    """The terminal is said to be elsewhere than it is: no such node is known."""
    move = played_until(dispute, Refine, level)
    assert isinstance(move, Refine)
    for change in _elsewhere(move.terminal):
        assert refused(dispute, replace(move, terminal=change)) == "UnknownNode"


def _elsewhere(node: Node) -> list[Node]:
    return [
        replace(node, pos=node.pos + 1),
        replace(node, pos=0),
        replace(node, pos=node.pos + (1 << 32)),
        replace(node, level=node.level + 1),
        replace(node, depth=1),
        replace(node, base=node.span),
        replace(node, origin=node.base),
    ]


@pytest.mark.parametrize("level", LEVELS)
def test_inner_node_as_leaf(dispute: Dispute, level: int) -> None:
    """An inner node of the finer history, passed off as its end; one of the prefix, as its last
    state; a prefix, as a state."""
    move = played_until(dispute, Refine, level)
    assert isinstance(move, Refine)
    finer = move.finer
    inner = replace(finer, end=finer.end_path[0], end_path=finer.end_path[1:])
    assert refused(dispute, replace(move, finer=inner)) == "WrongPathLength"
    inner = replace(finer, end=finer.end_path[0])
    assert refused(dispute, replace(move, finer=inner)) == "WrongEnd"
    inner = replace(finer, pre=finer.pre_path[0], pre_path=finer.pre_path[1:])
    assert refused(dispute, replace(move, finer=inner)) == "WrongPathLength"
    inner = replace(finer, pre=finer.pre_path[-1])
    assert refused(dispute, replace(move, finer=inner)) == "WrongPreState"


@pytest.mark.parametrize("level", LEVELS)
def test_short_or_long_path(dispute: Dispute, level: int) -> None:
    move = played_until(dispute, Refine, level)
    assert isinstance(move, Refine)
    finer = move.finer
    assert len(finer.pre_path) == 2
    for forged in (
        replace(finer, pre_path=()),
        replace(finer, pre_path=finer.pre_path[1:]),
        replace(finer, pre_path=(*finer.pre_path, finer.pre)),
        replace(finer, end_path=()),
        replace(finer, end_path=finer.end_path[:-1]),
        replace(finer, end_path=(*finer.end_path, finer.end)),
    ):
        assert refused(dispute, replace(move, finer=forged)) == "WrongPathLength"


def test_refine_wrong_level(dispute: Dispute) -> None:
    """A terminal of the last level is proved and not refined, one above is refined and not
    proved, and a node that is no terminal is neither."""
    refine = played_until(dispute, Refine, 1)
    assert isinstance(refine, Refine)
    prove = played_until(dispute, Prove, 2)
    assert isinstance(prove, Prove)
    assert refused(dispute, Refine(prove.terminal, refine.finer)) == "WrongLevel"
    assert refused(dispute, Prove(refine.terminal, prove.step)) == "WrongLevel"
    world = world_of(dispute)
    root = agent.honest_root(dispute, world.histories, world.origin)
    assert refused(dispute, Refine(root, refine.finer)) == "NotTerminal"
    assert refused(dispute, Prove(root, prove.step)) == "NotTerminal"


@pytest.mark.parametrize("level", LEVELS)
def test_refine_unrivalled(dispute: Dispute, level: int) -> None:
    """A terminal that nobody contradicts needs no support."""
    played_until(dispute, Prove, 2)
    world = world_of(dispute)
    places = agent.honest_places(dispute, world.histories, world.origin)
    for place in places:
        is_terminal = place.node.level == level and not place.node.depth
        if is_terminal and not dispute.graph.is_rivalled(place.id):
            path = (*place.path, place.node.pos)
            move = agent.refinement(
                place.node,
                place.history,
                world.histories.history(world.origin, path),
                world.histories.outcome_proof(world.origin, path),
            )
            assert refused(dispute, move) == "NotRivalled"
            return
    raise AssertionError("all terminals have rivals")


def test_bisect_unrivalled(dispute: Dispute) -> None:
    world = world_of(dispute)
    history = world.histories.history(world.origin, ())
    root = agent.honest_root(dispute, world.histories, world.origin)
    assert refused(dispute, agent.bisection(root, history)) == "UnknownNode"
    dispute.deposit(MALLORY, 10**21)
    dispute.open(MALLORY, world.origin, history.root())
    assert refused(dispute, agent.bisection(root, history)) == "NotRivalled"


def test_wrong_halves(dispute: Dispute) -> None:
    """Halves swapped, or of another node."""
    world = world_of(dispute)
    dispute.deposit(MALLORY, 10**21)
    history = world.histories.history(world.origin, ())
    other = History(history.state(0), [b"\1" * 32] * 4, 2)
    for each in (history, other):
        dispute.open(MALLORY, world.origin, each.root())
    root = agent.honest_root(dispute, world.histories, world.origin)
    move, theirs = agent.bisection(root, history), agent.bisection(root, other)
    assert refused(dispute, Bisect(root, move.right, move.left)) == "WrongHalves"
    assert refused(dispute, Bisect(root, theirs.left, theirs.right)) == "WrongHalves"


# --- Proofs ---------------------------------------------------------------------------------------


def test_wrong_step_proof(dispute: Dispute) -> None:
    """The true step for the liar's terminal; a step from elsewhere; with the wrong path."""
    move = played_until(dispute, Prove, 2)
    assert isinstance(move, Prove)
    [rival] = dispute.graph.rivals(move.terminal.id())
    assert refused(dispute, replace(move, terminal=rival.node)) == "WrongStep"
    world = world_of(dispute)
    elsewhere = world.histories.witness(world.origin, (0, 0, 0))
    forged = replace(move, step=replace(move.step, witness=elsewhere))
    assert refused(dispute, forged) == "WrongPreState"
    longer = replace(move.step, pre_path=(*move.step.pre_path, b"\0" * 32))
    assert refused(dispute, replace(move, step=longer)) == "WrongPathLength"


def _proof_that_reads(dispute: Lockstep) -> Prove:
    """An honest proof of the step that reads the program's preimage."""
    world = dispute.world
    reads = next(
        step
        for step in range(1 << sum(HEIGHTS[1:]))
        if world.histories.witness(world.origin, (0, step >> HEIGHTS[2], step % 4)).part
    )
    at = (1, (reads >> HEIGHTS[2]) + 1, reads % 4 + 1)
    false = FalseHistories(world.histories, world.table, Lie(0, at))
    parties = [
        Party("evil", honest(false, world.origin)),
        Party("honest", honest(world.histories, world.origin), is_honest=True),
    ]
    play = Play(dispute, world.origin, parties)  # type: ignore[arg-type]
    for _ in range(world.table.bound):
        play.block()
        for move in agent.moves(dispute, world.histories, world.origin):  # type: ignore[arg-type]
            if isinstance(move, Prove):
                return move
    raise AssertionError("no proof was called for")


@pytest.mark.parametrize("preimage", [PREIMAGE + b"!", b"", PREIMAGE[:-1]])
def test_wrong_preimage(preimage: bytes) -> None:
    """A step that reads a preimage is proved with that one alone: another has another key, so the
    one that is read is not there."""
    dispute = Lockstep(vm_world("preimage", HEIGHTS))
    move = _proof_that_reads(dispute)
    part = move.step.witness.part
    assert part is not None
    witness = replace(move.step.witness, part=Part(part.offset, preimage))
    assert keccak_key(preimage) != keccak_key(PREIMAGE)
    forged = replace(move, step=replace(move.step, witness=witness))
    assert refused(dispute, forged) == "NoWitness"  # type: ignore[arg-type]
    move.make(dispute, MALLORY, 0)  # type: ignore[arg-type]
    assert dispute.provers[move.terminal.id()] == MALLORY
