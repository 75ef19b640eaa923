"""What is said of a dispute, against what becomes of it: the model, block by block."""

from __future__ import annotations

import random
from contextlib import suppress
from itertools import pairwise

import pytest

from dispute import agent
from dispute.adversaries import (
    Lie,
    Strategy,
    after,
    both,
    false_friend,
    honest,
    idle,
    liar,
    random_places,
    shuffled,
    sybils,
)
from dispute.bounties import bounties, claims, unclaimed
from dispute.graph import Node
from dispute.lineage import Kinship, NoSuchNode, Stretch, Wait, account, find
from dispute.protocol import Dispute, Refused
from dispute.simulate import Party, Play
from dispute.status import Forecast, moves_of_all, status
from tests.dispute.worlds import ORIGIN, World, chain_world, vm_world

GAMES = 60
HEIGHTS = ((2,), (3, 2), (2, 2, 2), (1, 1, 1, 1))


def adversary(rng: random.Random, world: World, number: int) -> Strategy:
    truth, table = world.histories, world.table
    evil = liar(truth, table, ORIGIN, Lie(number, random_places(table, rng)))
    return rng.choice(
        (
            evil,
            idle(evil),
            after(rng.randrange(2 * table.terms.confirm_after), evil),
            shuffled(evil, number),
            both(evil, false_friend(truth, table, ORIGIN, number)),
        )
    )


def unfinished(game: int) -> Dispute:
    """A dispute that was left in the middle, with or without somebody honest."""
    rng = random.Random(f"status {game}")
    world = chain_world(rng.choice(HEIGHTS))
    parties = [Party(f"evil{n}", adversary(rng, world, n)) for n in range(rng.randrange(1, 5))]
    if rng.random() < 0.5:
        parties.append(Party("honest", honest(world.histories, ORIGIN), is_honest=True))
    play = Play(world.model(), ORIGIN, parties)
    for _ in range(rng.randrange(1, 3 * world.table.terms.confirm_after)):
        play.block()
    return play.stage


def update_all(view: Dispute) -> None:
    """Everybody updates everything, from the bottom up."""
    nodes = [entry.node for entry in view.graph.entries.values()]
    nodes.sort(key=lambda node: (-node.level, node.depth))
    view.update([agent.update(view, node) for node in nodes])


def confirm_all(view: Dispute, roots: list[Node]) -> None:
    for root in roots:
        with suppress(Refused):
            view.confirm(b"\x66" * 20, agent.update(view, root))


@pytest.mark.parametrize("game", range(GAMES))
def test_who_wins_if_nobody_moves_wins_then(game: int) -> None:
    view = unfinished(game)
    foretold = status(view)
    roots = [entry.node for entry in view.graph.entries.values() if entry.rank]
    future = view.copy()
    for _ in range(2 * view.table.terms.confirm_after + 2):
        update_all(future)
        for contest in foretold.contests:
            for standing in contest.standings:
                reached = future.graph[standing.root].timer >= future.table.terms.confirm_after
                assert reached == (standing.reaches is not None and standing.reaches <= future.now)
        confirm_all(future, roots)
        future.now += 1
    for contest in foretold.contests:
        decision = future.contests.get(contest.key)
        assert (decision.decided if decision else None) == contest.block
        assert decision is None or decision.winner in contest.winners
        assert decision is not None or not contest.winners


@pytest.mark.parametrize("game", range(GAMES))
def test_every_wei_that_was_staked_is_accounted_for(game: int) -> None:
    view = unfinished(game)
    now = status(view)
    for party in now.parties:
        assert party.staked == party.at_risk + party.lost + party.returned
        assert party.losing <= party.at_risk
        assert party.owed == view.credits.get(party.address, 0)
    reserves = sum(contest.reserve for contest in view.contests.values())
    staked = sum(contest.at_risk for contest in now.contests)
    assert staked == sum(party.at_risk for party in now.parties)
    assert view.balance == staked + reserves + sum(party.owed for party in now.parties)
    assert sum(party.claimable for party in now.parties) <= reserves


@pytest.mark.parametrize("game", range(GAMES))
def test_timers_and_forecasts_of_every_node(game: int) -> None:
    view = unfinished(game)
    kinship, forecast = Kinship(view), Forecast(view)
    target = view.table.terms.confirm_after
    for node_id in view.graph.entries:
        assert kinship.timer(node_id) == view.graph.bottom_up_timer(node_id, view.now)
        block = forecast.block(node_id, target)
        last = view.now + target if block is None else block
        assert (view.graph.bottom_up_timer(node_id, last) >= target) == (block is not None)
        if block is not None and block > view.now:
            assert view.graph.bottom_up_timer(node_id, block - 1) < target


# --- One node -------------------------------------------------------------------------------------


def played(world: World, *evil: Strategy) -> Dispute:
    """A dispute that somebody honest has won, with no bounty claimed."""
    parties = [Party(f"evil{n}", each) for n, each in enumerate(evil)]
    parties.append(Party("honest", honest(world.histories, ORIGIN), is_honest=True))
    play = Play(world.model(), ORIGIN, parties)
    play.run(until_settled=True)
    return play.stage


def test_the_lineage_of_what_was_proved_leads_to_the_honest_root() -> None:
    world = vm_world()
    view = played(world, liar(world.histories, world.table, ORIGIN, Lie(1, (2, 3, 1))))
    [proved] = view.provers
    kinship = Kinship(view)
    lineage = kinship.lineage(proved)
    assert lineage[0] == agent.honest_root(view, world.histories, ORIGIN).id()
    assert lineage[-1] == proved
    for parent, child in pairwise(lineage):
        assert child in view.graph.children(parent)
    # Word 2 is false, so the run on word 1; of its strides of 4 steps the third, from step 8 on.
    found = account(kinship, proved)
    assert found.path == (1, 2)
    assert found.stretch == Stretch(8, 9, word=1)
    assert kinship.origin(found.entry.node) == ORIGIN
    assert found.waits_for is Wait.WON
    assert len(found.rivals) == 1


def test_stretches_are_those_of_the_parents_cut_in_two() -> None:
    world = vm_world()
    view = played(world, *sybils(world.histories, world.table, ORIGIN, 3))
    kinship = Kinship(view)
    for node_id, entry in view.graph.entries.items():
        here = kinship.stretch(entry.node)
        for child in view.graph.children(node_id):
            below = kinship.stretch(view.graph[child].node)
            if child in view.graph.halves.get(node_id, ()):
                assert below.word == here.word
                assert 2 * (below.last - below.first) == here.last - here.first
                assert here.first <= below.first < below.last <= here.last
            elif here.word is None:
                assert (below.word, below.first) == (here.first, 0)
            else:
                assert below == here


def test_what_nodes_wait_for() -> None:
    world = chain_world((1, 1))
    lie = liar(world.histories, world.table, ORIGIN, Lie(1, (1, 1)))
    parties = [Party("evil", lie), Party("honest", honest(world.histories, ORIGIN), True)]
    play = Play(world.model(), ORIGIN, parties)
    seen = set()
    while not play.is_decided():
        play.block()
        kinship = Kinship(play.stage)
        seen |= {account(kinship, node_id).waits_for for node_id in play.stage.graph.entries}
    assert seen == set(Wait)


def test_nodes_are_found_by_unique_prefixes() -> None:
    world = chain_world((2,))
    view = played(world, liar(world.histories, world.table, ORIGIN, Lie(1, (2,))))
    for node_id in view.graph.entries:
        assert find(view, node_id.hex()) == node_id
        assert find(view, "0x" + node_id.hex()[:12].upper()) == node_id
    for bad in ("", "0x", "xyz", "00" * 32, "\x1b[31m"):
        with pytest.raises(NoSuchNode):
            find(view, bad)
    digit = next(iter(view.graph.entries)).hex()[0]
    alike = sum(node_id.hex()[0] == digit for node_id in view.graph.entries)
    if alike > 1:
        with pytest.raises(NoSuchNode, match=f"^{alike} nodes"):
            find(view, digit)


# --- Bounties -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chain", "count"])
def test_claims_pay_all_that_was_earned_and_nothing_else(name: str) -> None:
    world = chain_world() if name == "chain" else vm_world(name)
    view = played(world, *sybils(world.histories, world.table, ORIGIN, 3))
    before = status(view)
    mine = next(p for p in before.parties if p.address.endswith(b"honest"))
    assert mine.claimable > 0
    for claim in claims(view, mine.address):
        claim.make(view, mine.address, 0)
    assert view.credits[mine.address] == mine.claimable
    after_ = status(view)
    assert not any(bounty.mover == mine.address for bounty in unclaimed(view))
    earned = next(p.earned for p in after_.parties if p.address == mine.address)
    assert earned == mine.earned + mine.claimable
    assert not claims(view, mine.address)


def test_claims_are_those_of_whoever_knows_the_histories() -> None:
    world = chain_world()
    view = played(world, *sybils(world.histories, world.table, ORIGIN, 3))
    payee = b"honest".rjust(20, b"\0")
    places = list(agent.honest_places(view, world.histories, ORIGIN))
    assert set(claims(view, payee)) == set(agent.collection(view, places, payee))


def test_what_was_swept_is_not_claimed() -> None:
    world = chain_world((2,))
    view = played(world, liar(world.histories, world.table, ORIGIN, Lie(1, (2,))))
    assert list(bounties(view))
    view.now += world.table.terms.confirm_after
    view.sweep(ORIGIN, 0)
    assert not unclaimed(view)
    assert not any(party.claimable for party in status(view).parties)


def test_moves_are_counted_by_who_made_them() -> None:
    world = chain_world()
    view = played(world, liar(world.histories, world.table, ORIGIN, Lie(1, (2, 3, 1))))
    moves = moves_of_all(view)
    assert sum(made["Bisect"] for made in moves.values()) == len(view.graph.halves)
    assert moves[b"honest".rjust(20, b"\0")]["Prove"] == 1
    assert sum(made["Open"] for made in moves.values()) == 2


def test_of_an_empty_contract_there_is_nothing_to_say() -> None:
    found = status(chain_world((2,)).model())
    assert not found.contests
    assert not found.parties
