"""Every check of the contract, by itself: what it lets through, and what it refuses.

Each is asserted for the model as well (tests/dispute/lockstep.py).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from dispute.adversaries import FalseHistories, Lie
from dispute.agent import refinement
from dispute.graph import INFINITE, Node
from dispute.protocol import ZERO_WORD, Refinement, Refused, Update
from fpvm.history import History, leaf
from fpvm.history import node as span_of
from fpvm.keccak import keccak256
from fpvm.proof import Witness
from tests.dispute.scenes import HONEST, LIAR, OTHER, Scene, Side, changed, refused
from tests.dispute.worlds import BOUNTY, SINK, STAKE, chain_world, vm_world

NOWHERE = b"\x99" * 32


def others(node: Node) -> list[Node]:
    """Nodes that are like this one but for one field."""
    return [
        replace(node, origin=changed(node.origin)),
        replace(node, level=node.level + 1),
        replace(node, level=node.level + 8),
        replace(node, pos=node.pos + 1),
        replace(node, pos=node.pos + (1 << 32)),
        replace(node, depth=node.depth + 1),
        replace(node, depth=node.depth + 64),
        replace(node, base=changed(node.base)),
        replace(node, span=changed(node.span)),
    ]


# --- open -----------------------------------------------------------------------------------------


def test_a_root_costs_its_stake_and_starts_where_the_origin_says() -> None:
    scene = Scene()
    stage, origin = scene.stage, scene.world.origin
    root = stage.open(OTHER, origin, b"\1" * 32)
    entry = stage.graph[root]
    assert (entry.mover, entry.rank, entry.claim) == (OTHER, 1, b"")
    assert entry.node.base == leaf(origin)
    assert stage.credits[OTHER] == 10**24 - STAKE


def test_the_k_th_root_posts_k_stakes() -> None:
    stage, origin = Scene().stage, Scene().world.origin
    for rank in range(1, 5):
        before = stage.credits[LIAR]
        root = stage.open(LIAR, origin, keccak256(bytes([rank])))
        assert before - stage.credits[LIAR] == rank * STAKE
        assert stage.graph[root].rank == rank
    # Another origin is another contest.
    before = stage.credits[LIAR]
    stage.open(LIAR, changed(origin), keccak256(b"\1"))
    assert before - stage.credits[LIAR] == STAKE


def test_a_stake_comes_from_the_value_and_from_what_is_there() -> None:
    scene = Scene()
    stage, origin = scene.stage, scene.world.origin
    poor = b"\x42" * 20
    refused(lambda: stage.open(poor, origin, NOWHERE), "StakeTooLow", STAKE)
    refused(lambda: stage.open(poor, origin, NOWHERE, STAKE - 1), "StakeTooLow", STAKE)
    stage.deposit(poor, 3)
    refused(lambda: stage.open(poor, origin, NOWHERE, STAKE - 4), "StakeTooLow", STAKE)
    stage.open(poor, origin, NOWHERE, STAKE - 3)
    assert stage.credits[poor] == 0
    stage.open(poor, origin, changed(NOWHERE), 2 * STAKE + 5)
    assert stage.credits[poor] == 5
    # The same again: nothing is taken, and the value is the mover's.
    stage.open(poor, origin, NOWHERE, 7)
    assert stage.credits[poor] == 12
    assert stage.withdraw(poor) == 12


def test_the_same_root_twice_is_one() -> None:
    scene = Scene().open()
    stage, span = scene.stage, scene.honest.roots[0].span
    before = dict(stage.credits)
    assert stage.open(OTHER, scene.world.origin, span) == scene.honest.roots[0].id()
    assert stage.credits == before
    assert stage.graph[scene.honest.roots[0].id()].mover == HONEST


def test_a_decided_contest_takes_no_more_roots() -> None:
    scene = Scene().settle()
    stage, origin = scene.stage, scene.world.origin
    winner = scene.honest.roots[0].id()
    refused(lambda: stage.open(OTHER, origin, NOWHERE), "Decided", winner)
    stage.open(OTHER, origin, scene.honest.roots[0].span)  # but for those that are there
    stage.open(OTHER, origin, scene.liar.roots[0].span)
    # A refinement of a decided contest, too; the contest of another level is its own.
    move = another_refinement(scene, 1)
    refused(lambda: stage.refine(OTHER, *move), "Decided", scene.honest.roots[1].id())


def another_refinement(scene: Scene, level: int) -> tuple[Node, Refinement]:
    """A refinement of the right terminal above ``level`` by another history with the same end."""
    origin, path = scene.world.origin, scene.honest.path[:level]
    finer = scene.honest.histories.history(origin, path)
    states = [finer.state(i) for i in range((1 << finer.height) + 1)]
    states[1] = NOWHERE
    other = History(states[0], states[1:], finer.height)
    coarser = scene.honest.histories.history(origin, path[:-1])
    proof = scene.honest.histories.outcome_proof(origin, path)
    move = refinement(scene.honest.terminals[level - 1], coarser, other, proof)
    return move.terminal, move.finer


# --- bisect ---------------------------------------------------------------------------------------


def test_nodes_that_are_not_there_are_unknown_to_every_move() -> None:
    scene = Scene().down()
    stage, root, terminal = scene.stage, scene.honest.roots[0], scene.honest.terminals[-1]
    coarse, finer = scene.honest.terminals[0], scene.honest.roots[1]
    left, right = scene.halves(scene.honest, root)
    other_finer = another_refinement(scene, 1)[1]
    for other in others(root):
        name = ("UnknownNode", other.id())
        refused(lambda other=other: stage.bisect(OTHER, other, left, right), *name)
        refused(lambda other=other: stage.update([Update(other)]), *name)
        refused(lambda other=other: stage.confirm(OTHER, Update(other)), *name)
        refused(lambda other=other: stage.claim_bisection(other, left, right), *name)
    for other in others(coarse):
        name = ("UnknownNode", other.id())
        refused(lambda other=other: stage.refine(OTHER, other, other_finer), *name)
        refused(lambda other=other: stage.claim_refinement(other, finer), *name)
    for other in others(finer):
        refused(
            lambda other=other: stage.claim_refinement(coarse, other), "UnknownNode", other.id()
        )
    for other in others(terminal):
        name = ("UnknownNode", other.id())
        refused(lambda other=other: stage.prove(OTHER, other, scene.step()), *name)
        refused(lambda other=other: stage.claim_proof(other), *name)


def test_halves_must_be_those_of_the_span() -> None:
    scene = Scene().open()
    root = scene.honest.roots[0]
    left, right = scene.halves(scene.honest, root)
    for wrong in (
        (right, left),
        (changed(left), right),
        (left, changed(right)),
        (left, ZERO_WORD),
        (ZERO_WORD, ZERO_WORD),
        scene.halves(scene.liar, scene.liar.roots[0]),
    ):
        refused(
            lambda wrong=wrong: scene.stage.bisect(OTHER, root, *wrong), "WrongHalves", root.id()
        )


def test_a_terminal_has_no_halves_even_if_its_span_is_a_node() -> None:
    """Somebody may claim an inner node where a leaf should be; it cannot be bisected further."""
    scene = Scene(vm_world("count", (1, 2, 2)))
    stage, origin = scene.stage, scene.world.origin
    inner = span_of(b"\1" * 32, b"\2" * 32)
    stage.open(OTHER, origin, span_of(inner, b"\3" * 32))
    stage.open(LIAR, origin, span_of(b"\4" * 32, b"\3" * 32))
    root = next(entry.node for entry in stage.graph.entries.values())
    stage.bisect(OTHER, root, inner, b"\3" * 32)
    terminal = root.halves(inner, b"\3" * 32)[0]
    refused(
        lambda: stage.bisect(OTHER, terminal, b"\1" * 32, b"\2" * 32), "IsTerminal", terminal.id()
    )
    update = Update(terminal, b"\1" * 32, b"\2" * 32)
    refused(lambda: stage.update([update]), "IsTerminal", terminal.id())
    refused(
        lambda: stage.claim_bisection(terminal, b"\1" * 32, b"\2" * 32), "IsTerminal", terminal.id()
    )


def test_only_rivalled_nodes_are_bisected() -> None:
    scene = Scene()
    scene.open(scene.honest)
    root = scene.honest.roots[0]
    halves = scene.halves(scene.honest, root)
    refused(lambda: scene.stage.bisect(OTHER, root, *halves), "NotRivalled", root.id())
    scene.open(scene.liar)
    scene.stage.bisect(OTHER, root, *halves)
    # The half that the liar agrees with has no rival yet, and the other neither.
    for half in root.halves(*halves):
        if half.depth:
            deeper = scene.halves(scene.honest, half)
            refused(
                lambda half=half, deeper=deeper: scene.stage.bisect(OTHER, half, *deeper),
                "NotRivalled",
                half.id(),
            )


def test_a_second_bisection_changes_nothing() -> None:
    scene = Scene().open()
    root = scene.honest.roots[0]
    halves = scene.halves(scene.honest, root)
    scene.stage.bisect(HONEST, root, *halves)
    scene.wait(3)
    scene.stage.bisect(OTHER, root, *halves)
    for half in root.halves(*halves):
        assert scene.stage.graph[half.id()].mover == HONEST
        assert scene.stage.graph[half.id()].created == 0


def test_halves_that_rivals_share_are_one_node_and_those_beside_them_are_rivals() -> None:
    scene = Scene()  # the liar agrees up to position 1: in no half of the root, at depth 1
    scene.open()
    root, other = scene.honest.roots[0], scene.liar.roots[0]
    left, right = scene.halves(scene.honest, root)
    scene.stage.bisect(HONEST, root, left, right)
    scene.wait(2)
    stage, mine = scene.stage, root.halves(left, right)
    theirs = scene.halves(scene.liar, other)
    scene.stage.bisect(LIAR, other, *theirs)
    assert stage.graph.is_rivalled(mine[0].id())
    assert not stage.graph.is_rivalled(mine[1].id())
    # One level down they share the left half.
    node, rival = mine[0], other.halves(*theirs)[0]
    shared, second = scene.halves(scene.honest, node)
    same, third = scene.halves(scene.liar, rival)
    assert shared == same
    assert second != third
    scene.stage.bisect(LIAR, rival, same, third)
    scene.wait(2)
    scene.stage.bisect(HONEST, node, shared, second)
    half, right_half = node.halves(shared, second)
    assert stage.graph[half.id()].mover == LIAR
    assert stage.graph.cohorts[right_half.cohort()].rivalled == 4
    assert not stage.graph.is_rivalled(half.id())


# --- refine ---------------------------------------------------------------------------------------


def test_a_refinement_is_of_a_terminal_above_the_last_level() -> None:
    scene = Scene().down()
    stage, finer = scene.stage, another_refinement(scene, 1)[1]
    root, last = scene.honest.roots[0], scene.honest.terminals[-1]
    refused(lambda: stage.refine(OTHER, root, finer), "NotTerminal", root.id())
    refused(lambda: stage.refine(OTHER, last, finer), "WrongLevel", 2)


@pytest.mark.parametrize("level", [1, 2])
def test_every_part_of_a_refinement_is_checked(level: int) -> None:
    scene = Scene().open().bisect()
    if level == 2:
        scene.refine().bisect()
    stage = scene.stage
    move = scene.refinement(scene.honest)
    terminal, finer = move.terminal, move.finer
    longer, height = len(finer.pre_path), len(finer.end_path)

    def attempt(error: str, *arguments: object, **fields: object) -> None:
        wrong = replace(finer, **fields)
        refused(lambda: stage.refine(OTHER, terminal, wrong), error, *arguments)

    # The first state: the last one of the terminal's base, by a path of the right length.
    assert longer == 1
    attempt("WrongPreState", changed(finer.pre), pre=changed(finer.pre))
    attempt("WrongPreState", finer.pre, pre_path=(changed(finer.pre_path[0]),))
    attempt("WrongPathLength", 0, longer, pre_path=())
    attempt("WrongPathLength", 2, longer, pre_path=(*finer.pre_path, finer.pre))
    # The last one: of the span.
    attempt("WrongEnd", changed(finer.end), end=changed(finer.end))
    attempt("WrongEnd", finer.end, span=changed(finer.span))
    attempt("WrongPathLength", height - 1, height, end_path=finer.end_path[:-1])
    attempt("WrongPathLength", height + 1, height, end_path=(*finer.end_path, finer.end))
    wrong = (changed(finer.end_path[0]), *finer.end_path[1:])
    attempt("WrongEnd", finer.end, end_path=wrong)
    # An inner node, passed off as the last state.
    inner = span_of(finer.end_path[0], leaf(finer.end))
    attempt("WrongPathLength", height - 1, height, end=inner, end_path=finer.end_path[1:])
    # The outcome: what the terminal claims, by a proof that the boundary takes.
    attempt("WrongOutcomeProof", proof=finer.proof + b"\0")
    if level == 1:
        attempt("WrongOutcomeProof", proof=b"")
    rival = scene.refinement(scene.liar)
    refused(lambda: stage.refine(OTHER, terminal, rival.finer), "WrongOutcome", terminal.id())
    stage.refine(OTHER, terminal, finer)


def test_a_refinement_starts_from_the_computed_state() -> None:
    scene = Scene().open().bisect().refine()
    word = scene.honest.histories.history(scene.world.origin, ()).state(scene.honest.path[0])
    start = scene.world.table.levels[1].boundary.start(b"", 0, word)
    root = scene.honest.roots[1]
    assert root.base == leaf(start)
    assert root.origin == scene.honest.terminals[0].cohort() == scene.liar.terminals[0].cohort()
    assert scene.stage.graph[root.id()].claim == scene.honest.terminals[0].id()
    assert scene.stage.graph.is_rivalled(root.id())


def test_only_rivalled_terminals_are_refined() -> None:
    scene = Scene().open().bisect()
    history = scene.honest.histories.history(scene.world.origin, ())
    terminal = scene.honest.terminals[0]
    # Its neighbour, where the liar has gone another way.
    sibling = next(
        entry.node
        for entry in scene.stage.graph.entries.values()
        if not entry.node.depth and not scene.stage.graph.is_rivalled(entry.id)
    )
    assert sibling.pos != terminal.pos
    path = (sibling.pos,)
    finer = scene.honest.histories.history(scene.world.origin, path)
    proof = scene.honest.histories.outcome_proof(scene.world.origin, path)
    move = refinement(sibling, history, finer, proof)
    refused(lambda: scene.stage.refine(OTHER, sibling, move.finer), "NotRivalled", sibling.id())


def test_a_refinement_posts_the_stake_of_its_level() -> None:
    scene = Scene().open().bisect()
    stage, poor = scene.stage, b"\x42" * 20
    move = scene.refinement(scene.honest)
    stake = scene.world.table.levels[1].stake
    refused(lambda: stage.refine(poor, move.terminal, move.finer, stake - 1), "StakeTooLow", stake)
    stage.refine(poor, move.terminal, move.finer, stake)
    rival = scene.refinement(scene.liar)
    refused(
        lambda: stage.refine(poor, rival.terminal, rival.finer, stake), "StakeTooLow", 2 * stake
    )
    stage.refine(poor, rival.terminal, rival.finer, 2 * stake)
    stage.refine(OTHER, move.terminal, move.finer)  # made before: costs nothing
    assert stage.credits[OTHER] == 10**24


# --- prove ----------------------------------------------------------------------------------------


def test_only_a_terminal_of_the_last_level_is_proved() -> None:
    scene = Scene().down()
    stage, step = scene.stage, scene.step()
    root, coarse = scene.honest.roots[-1], scene.honest.terminals[1]
    refused(lambda: stage.prove(OTHER, root, step), "NotTerminal", root.id())
    refused(lambda: stage.prove(OTHER, coarse, step), "WrongLevel", 1)


def test_a_proof_is_of_the_last_state_and_of_the_claim() -> None:
    scene = Scene().down()
    stage, step, terminal = scene.stage, scene.step(), scene.honest.terminals[-1]
    state = step.witness.state
    count = len(step.pre_path)
    assert count > 0
    for wrong in (step.pre_path[1:], (*step.pre_path, terminal.base)):
        refused(
            lambda wrong=wrong: stage.prove(OTHER, terminal, replace(step, pre_path=wrong)),
            "WrongPathLength",
            len(wrong),
            count,
        )
    wrong = (*step.pre_path[:-1], changed(step.pre_path[-1]))
    refused(
        lambda: stage.prove(OTHER, terminal, replace(step, pre_path=wrong)),
        "WrongPreState",
        keccak256(state),
    )
    other = replace(step.witness, state=state[:-1] + bytes([state[-1] ^ 1]))
    refused(
        lambda: stage.prove(OTHER, terminal, replace(step, witness=other)),
        "WrongPreState",
        keccak256(other.state),
    )
    false = scene.liar.terminals[-1]
    post = scene.world.judge.post_state(step.witness)
    refused(lambda: stage.prove(LIAR, false, step), "WrongStep", post)
    stage.prove(OTHER, terminal, step)
    assert stage.graph[terminal.id()].timer == INFINITE


def test_a_witness_that_proves_nothing_is_refused_by_the_step_contract() -> None:
    scene = Scene().down()
    step, terminal = scene.step(), scene.honest.terminals[-1]
    bare = replace(step, witness=Witness(step.witness.state))
    with pytest.raises(Refused, match="NoWitness"):
        scene.stage.prove(OTHER, terminal, bare)


def test_only_rivalled_terminals_are_proved() -> None:
    scene = Scene().down()
    stage = scene.stage
    lone = [
        entry.node
        for entry in stage.graph.entries.values()
        if entry.node.level == 2 and not entry.node.depth and not stage.graph.is_rivalled(entry.id)
    ]
    for node in lone:
        refused(lambda node=node: stage.prove(OTHER, node, scene.step()), "NotRivalled", node.id())
    assert lone


def test_the_second_to_prove_is_no_prover() -> None:
    scene = Scene().down().prove()
    terminal = scene.honest.terminals[-1]
    scene.stage.prove(OTHER, terminal, scene.step())
    # Done is done, whatever is given.
    scene.stage.prove(OTHER, terminal, replace(scene.step(), pre_path=()))
    assert scene.stage.provers[terminal.id()] == HONEST


def test_a_step_that_reads_a_preimage_is_proved() -> None:
    """The disagreement is about the step that reads it: the client loads it first."""
    world = vm_world("preimage")
    witnesses = [
        (path, world.histories.witness(world.origin, (1, *path)))
        for path in ((a, b) for a in range(4) for b in range(4))
    ]
    (at,) = (path for path, witness in witnesses if witness.part)
    scene = Scene(world, Lie("preimage", (2, at[0] + 1, at[1] + 1)))
    scene.down()
    assert scene.honest.path == (1, *at)
    assert scene.step().witness.part is not None
    scene.prove()


# --- update ---------------------------------------------------------------------------------------


def test_a_timer_counts_blocks_without_a_rival() -> None:
    scene = Scene()
    scene.open(scene.honest).wait(5).open(scene.liar).wait(4)
    stage, right, wrong = scene.stage, scene.honest.roots[0], scene.liar.roots[0]
    stage.update([Update(right), Update(wrong)])
    assert stage.graph[right.id()].timer == 5
    assert stage.graph[wrong.id()].timer == 0
    # A third one takes nothing from the first.
    third = stage.graph[stage.open(OTHER, scene.world.origin, NOWHERE)].node
    stage.update([Update(right), Update(third)])
    assert stage.graph.local_timer(right.id(), stage.now) == 5
    assert stage.graph[third.id()].timer == 0
    stage.check_all()


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_an_update_adds_the_smaller_half(at: int) -> None:
    """Of the left one, if the liar parts from the truth there, or of the right one."""
    scene = Scene(lie=Lie("halves", (at, 1, 1)))
    scene.open(scene.honest).wait(1).open(scene.liar)
    stage, root, other = scene.stage, scene.honest.roots[0], scene.liar.roots[0]
    left, right = scene.halves(scene.honest, root)
    stage.bisect(HONEST, root, left, right)
    scene.wait(3)
    stage.bisect(LIAR, other, *scene.halves(scene.liar, other))
    scene.wait(4)
    stage.update([scene.update(root)])
    assert stage.graph[root.id()].timer == 1 + 3  # that half has a rival since
    halves = root.halves(left, right)
    stage.update([Update(half) for half in halves] + [scene.update(other)])
    timers = [stage.graph[half.id()].timer for half in halves]
    assert timers == ([3, 7] if at <= 2 else [7, 3])
    # The liar's own half has had a rival from the start.
    assert stage.graph[other.id()].timer == 0


def test_a_node_is_updated_from_its_own_halves_only() -> None:
    scene = Scene().open()
    stage, root = scene.stage, scene.honest.roots[0]
    left, right = scene.halves(scene.honest, root)
    refused(lambda: stage.update([Update(root, left, right)]), "NotBisected", root.id())
    stage.bisect(HONEST, root, left, right)
    for wrong in ((right, left), (left, ZERO_WORD), (ZERO_WORD, right)):
        update = Update(root, *wrong)
        refused(lambda update=update: stage.update([update]), "WrongHalves", root.id())
        refused(lambda update=update: stage.confirm(OTHER, update), "WrongHalves", root.id())
    stage.update([Update(root, left, right), Update(root)])


def test_updates_are_all_or_none() -> None:
    scene = Scene()
    scene.open(scene.honest).wait(5)
    root = scene.honest.roots[0]
    strange = replace(root, span=NOWHERE)
    refused(
        lambda: scene.stage.update([Update(root), Update(strange)]), "UnknownNode", strange.id()
    )
    assert scene.stage.graph[root.id()].timer == 0
    scene.stage.update([])


def test_stored_timers_only_grow() -> None:
    scene = Scene()
    scene.open(scene.honest).wait(5).open(scene.liar)
    stage, root = scene.stage, scene.honest.roots[0]
    left, right = scene.halves(scene.honest, root)
    stage.bisect(HONEST, root, left, right)
    scene.wait(3)
    stage.update([scene.update(root)])
    assert stage.graph[root.id()].timer == 8
    stage.update([Update(root)])  # λ alone is less
    assert stage.graph[root.id()].timer == 8


def test_a_proof_counts_for_ever_all_the_way_up() -> None:
    scene = Scene().down().prove().update_all()
    stage = scene.stage
    right, wrong = scene.honest, scene.liar
    assert all(stage.graph[root.id()].timer == 0 for root in wrong.roots)
    assert stage.graph[right.terminals[-1].id()].timer == INFINITE
    scene.wait(7).update_all()
    # Below each root is a half that has no rival: the other side is the smaller one.
    assert [stage.graph[root.id()].timer for root in right.roots] == [7, 7, 7]


def test_a_sum_with_infinity_is_infinite() -> None:
    """Both halves of a root are proved, and it has been alone for a while."""
    world = vm_world("count", (1, 3, 1))
    scene = Scene(world, Lie("end", (2, 2, 0)))
    scene.open().bisect().refine().bisect()
    scene.refine(scene.honest).wait(2).refine(scene.liar)
    # A third one agrees on the end, and not on the way.
    lie = FalseHistories(world.histories, world.table, Lie("way", (0, 0, 1)))
    friend = Side(OTHER, lie, scene.honest.path, terminals=scene.honest.terminals)
    scene.refine(friend)
    stage, root = scene.stage, scene.honest.roots[-1]
    for side in (*scene.sides, friend):
        stage.bisect(side.address, side.roots[-1], *scene.halves(side, side.roots[-1]))
    for terminal in root.halves(*scene.halves(scene.honest, root)):
        scene.honest.path = (*scene.honest.path[:2], terminal.pos)
        stage.prove(HONEST, terminal, scene.step())
        assert stage.graph[terminal.id()].timer == INFINITE
    stage.update([scene.update(root)])
    assert stage.graph.local_timer(root.id(), stage.now) == 2
    assert stage.graph[root.id()].timer == INFINITE
    assert stage.graph[scene.honest.terminals[-1].id()].timer == INFINITE


def test_a_refinement_hands_its_timer_to_the_terminal_that_it_claims_alone() -> None:
    scene = Scene().open().bisect()
    scene.refine(scene.honest).wait(6)
    stage = scene.stage
    stage.update([Update(scene.honest.roots[1])])
    assert stage.graph[scene.honest.roots[1].id()].timer == 6
    assert stage.graph[scene.honest.terminals[0].id()].timer == 6
    assert stage.graph[scene.liar.terminals[0].id()].timer == 0


def test_a_terminal_counts_the_best_of_its_refinements() -> None:
    scene = Scene().open().bisect()
    scene.refine(scene.honest).wait(6)
    lie = FalseHistories(scene.world.histories, scene.world.table, Lie("friend", (0, 2, 1)))
    friend = Side(OTHER, lie, scene.honest.path, terminals=scene.honest.terminals)
    scene.refine(friend).wait(2)
    stage, terminal = scene.stage, scene.honest.terminals[0]
    stage.update([Update(scene.honest.roots[1])])
    stage.update([Update(friend.roots[0])])
    assert stage.graph[friend.roots[0].id()].claim == terminal.id()
    assert stage.graph[terminal.id()].timer == 6


def test_a_terminal_counts_its_own_time_besides_that_of_its_refinement() -> None:
    scene = Scene().open()
    nodes = [side.roots[0] for side in scene.sides]
    while nodes[0].depth:  # the honest terminal is alone for a while
        halves = []
        for side, node in zip(scene.sides, nodes, strict=True):
            halves.append(scene._bisect(side, node))
            scene.wait(2)
        side_ = 0 if halves[0][0] != halves[1][0] else 1
        nodes = [pair[side_] for pair in halves]
    for side, node in zip(scene.sides, nodes, strict=True):
        side.terminals, side.path = [node], (node.pos,)
    own = scene.stage.graph.local_timer(nodes[0].id(), scene.stage.now)
    assert own == 2
    scene.refine(scene.honest).wait(5)
    scene.stage.update([Update(scene.honest.roots[1])])
    assert scene.stage.graph[nodes[0].id()].timer == 7


# --- confirm --------------------------------------------------------------------------------------


def test_only_roots_are_confirmed() -> None:
    scene = Scene().down().prove().wait()
    for node in (scene.honest.terminals[-1], scene.honest.terminals[0]):
        refused(lambda node=node: scene.stage.confirm(OTHER, Update(node)), "NotRoot", node.id())
    halves = scene.honest.roots[0].halves(*scene.halves(scene.honest, scene.honest.roots[0]))
    for half in halves:
        refused(lambda half=half: scene.stage.confirm(OTHER, Update(half)), "NotRoot", half.id())


def test_a_root_is_confirmed_at_t_and_not_before() -> None:
    scene = Scene()
    scene.open(scene.honest).wait(scene.confirm_after - 1)
    root = Update(scene.honest.roots[0])
    refused(lambda: scene.stage.confirm(OTHER, root), "TooEarly", scene.confirm_after - 1)
    scene.wait(1).stage.confirm(OTHER, root)
    assert scene.stage.contests[scene.world.origin, 0].winner == scene.honest.roots[0].id()
    scene.stage.confirm(LIAR, root)  # done
    assert scene.stage.credits[HONEST] == 10**24


def test_what_was_stored_counts_when_a_root_is_confirmed() -> None:
    scene = Scene().down().prove().wait().update_all()
    root = scene.honest.roots[0]
    assert scene.stage.graph.local_timer(root.id(), scene.stage.now) == 0
    scene.stage.confirm(OTHER, Update(root))


def test_a_contest_has_one_winner() -> None:
    scene = Scene().settle()
    rival = Update(scene.liar.roots[0])
    refused(lambda: scene.stage.confirm(LIAR, rival), "Decided", scene.honest.roots[0].id())
    for root in scene.honest.roots:
        scene.stage.confirm(OTHER, Update(root))


def test_the_winner_gets_its_stake_back_and_the_losers_pay() -> None:
    scene = Scene()
    stage, origin = scene.stage, scene.world.origin
    stage.open(LIAR, origin, NOWHERE)
    stage.open(OTHER, origin, changed(NOWHERE))
    scene.open(scene.honest).wait(2)
    before = stage.credits[HONEST]
    assert before == 10**24 - 3 * STAKE
    root = scene.honest.roots[0]
    stage.bisect(HONEST, root, *scene.halves(scene.honest, root))
    scene.wait()
    stage.confirm(OTHER, scene.update(root))
    reserve = 2 * BOUNTY * (scene.world.table.levels[0].height + 3)
    assert stage.credits[HONEST] == before + 3 * STAKE + BOUNTY
    assert stage.credits[OTHER] == 10**24 - 2 * STAKE + BOUNTY
    assert stage.credits[SINK] == 3 * STAKE - reserve
    assert stage.contests[origin, 0].reserve == reserve - 2 * BOUNTY


# --- Bounties -------------------------------------------------------------------------------------


def test_every_move_on_the_winner_s_side_is_paid_for_once() -> None:
    scene = Scene().settle()
    stage = scene.stage
    earned = []
    for level in range(3):
        node = scene.honest.roots[level]
        while node.depth:
            halves = scene.halves(scene.honest, node)
            before = stage.credits[HONEST]
            stage.claim_bisection(node, *halves, OTHER)
            stage.claim_bisection(node, *halves, LIAR)
            earned.append(stage.credits[HONEST] - before)
            # Down the side where the terminal is.
            left, right = node.halves(*halves)
            node = right if scene.honest.terminals[level].pos >= right.pos else left
        assert node == scene.honest.terminals[level]
        before = stage.credits[HONEST]
        for _ in range(2):
            if level < 2:
                stage.claim_refinement(node, scene.honest.roots[level + 1])
            else:
                stage.claim_proof(node)
        earned.append(stage.credits[HONEST] - before)
    assert earned == [BOUNTY] * 9


def test_claims_go_from_the_top_down() -> None:
    scene = Scene().settle()
    stage, node = scene.stage, scene.honest.roots[0]
    halves = scene.halves(scene.honest, node)
    left = node.halves(*halves)[0]
    deeper = scene.halves(scene.honest, left)
    refused(lambda: stage.claim_bisection(left, *deeper), "NotWon", left.id())
    terminal, finer = scene.honest.terminals[0], scene.honest.roots[1]
    refused(lambda: stage.claim_refinement(terminal, finer), "NotWon", terminal.id())
    last = scene.honest.terminals[-1]
    refused(lambda: stage.claim_proof(last), "NotWon", last.id())
    stage.claim_bisection(node, *halves)
    stage.claim_bisection(left, *deeper)
    stage.claim_refinement(terminal, finer)


def test_moves_of_the_losers_earn_nothing() -> None:
    scene = Scene().settle()
    stage, node = scene.stage, scene.liar.roots[0]
    halves = scene.halves(scene.liar, node)
    refused(lambda: stage.claim_bisection(node, *halves), "NotWon", node.id())
    refused(
        lambda: stage.claim_refinement(scene.liar.terminals[0], scene.liar.roots[1]),
        "NotWon",
        scene.liar.roots[1].id(),
    )


def test_a_claim_is_of_what_was_done() -> None:
    scene = Scene().down().prove().wait().update_all()
    stage, node = scene.stage, scene.honest.roots[0]
    halves = scene.halves(scene.honest, node)
    refused(lambda: stage.claim_bisection(node, *halves), "NotWon", node.id())
    scene.confirm(0)
    refused(lambda: stage.claim_bisection(node, halves[1], halves[0]), "WrongHalves", node.id())
    stage.claim_bisection(node, *halves)
    right = node.halves(*halves)[1]
    deeper = scene.halves(scene.honest, right)
    refused(lambda: stage.claim_bisection(right, *deeper), "NotBisected", right.id())
    terminal = scene.honest.terminals[0]
    # A root that claims another terminal, one that claims none, a node that is no root.
    for root in (scene.liar.roots[1], scene.honest.roots[0], scene.honest.terminals[1]):
        refused(lambda root=root: stage.claim_refinement(terminal, root), "WrongClaim", root.id())
    # The right one, which has not won yet.
    finer = scene.honest.roots[1]
    refused(lambda: stage.claim_refinement(terminal, finer), "NotWon", finer.id())
    refused(lambda: stage.claim_proof(terminal), "NotProved", terminal.id())


def test_what_nobody_claims_goes_to_the_sink() -> None:
    scene = Scene().settle()
    stage, origin = scene.stage, scene.world.origin
    refused(lambda: stage.sweep(changed(origin), 0), "NotDecided", changed(origin), 0)
    refused(lambda: stage.sweep(origin, 1), "NotDecided", origin, 1)
    refused(lambda: stage.sweep(origin, 0), "TooEarly", 0)
    scene.wait(scene.confirm_after - 1)
    refused(lambda: stage.sweep(origin, 0), "TooEarly", scene.confirm_after - 1)
    node = scene.honest.roots[0]
    stage.claim_bisection(node, *scene.halves(scene.honest, node))
    scene.wait(1)
    before, reserve = stage.credits[SINK], stage.contests[origin, 0].reserve
    assert reserve > 0
    for _ in range(2):
        stage.sweep(origin, 0)
        assert stage.credits[SINK] == before + reserve
    half = node.halves(*scene.halves(scene.honest, node))[0]
    deeper = scene.halves(scene.honest, half)
    refused(lambda: stage.claim_bisection(half, *deeper), "NothingLeft", scene.honest.roots[0].id())
    # The contest below is another.
    finer = scene.honest.roots[1]
    stage.claim_bisection(finer, *scene.halves(scene.honest, finer))


def test_an_uncontested_winner_leaves_nothing_to_claim() -> None:
    scene = Scene()
    scene.open(scene.honest).wait().confirm()
    assert scene.stage.contests[scene.world.origin, 0].reserve == 0
    assert scene.stage.credits[SINK] == 0


def test_chain_worlds_have_no_contract() -> None:
    with pytest.raises(TypeError, match="no contract stands for"):
        Scene(chain_world())
