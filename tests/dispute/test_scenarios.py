"""What may happen in a dispute, by name.

Every scenario is played on the model and on the contract in revm, which are compared after each
move. In each, somebody honest holds the truth against whatever the scenario says.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from dispute import agent
from dispute.adversaries import (
    FalseHistories,
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
    only,
    selfish,
    shuffled,
    spammer,
    sybils,
    tampered,
)
from dispute.moves import Bisect, Move, Open, Prove, Refine, UpdateTimers
from dispute.protocol import Dispute
from dispute.simulate import (
    Circumstances,
    Ending,
    Party,
    Play,
    burst,
    split,
)
from tests.dispute.lockstep import Lockstep
from tests.dispute.worlds import World, chain_world, terms, vm_world

HONEST = b"honest".rjust(20, b"\0")
HEIGHTS = (2, 2, 2)
TOPS = tuple(1 << height for height in HEIGHTS)


@dataclass(frozen=True)
class Stage:
    """Where a scenario is played."""

    world: World
    create: Callable[[World], Dispute]

    def play(
        self,
        *evil: Strategy,
        circumstances: Circumstances | None = None,
        honest_parties: Sequence[Strategy] = (),
        until_settled: bool = True,
        blocks: int | None = None,
    ) -> tuple[Ending, Dispute]:
        """Whoever is honest, and these adversaries, who come first. Money is paid out at last."""
        stage = self.create(self.world)
        mine = honest_parties or (self.honest(),)
        parties = [Party(f"evil{number}", each) for number, each in enumerate(evil)]
        parties += [
            Party(f"honest{number or ''}", each, is_honest=True) for number, each in enumerate(mine)
        ]
        play = Play(stage, self.world.origin, parties, circumstances)
        return play.run(blocks, until_settled), stage

    def honest(self, name: str = "honest") -> Strategy:
        payee = name.encode().rjust(20, b"\0")
        return honest(self.world.histories, self.world.origin, payee)

    def liar(self, *at: int, seed: object = 0) -> Strategy:
        return liar(self.world.histories, self.world.table, self.world.origin, Lie(seed, at))

    def right(self, stage: Dispute) -> bytes:
        return agent.honest_root(stage, self.world.histories, self.world.origin).id()

    @property
    def confirm_after(self) -> int:
        return self.world.table.terms.confirm_after


@pytest.fixture(params=["model", "contract"])
def stage(request: pytest.FixtureRequest) -> Stage:
    """The model, in a world without a machine; the contract beside the model, with a program."""
    if request.param == "model":
        return Stage(chain_world(HEIGHTS), World.model)
    return Stage(vm_world("count", HEIGHTS), Lockstep)


def assert_won(stage: Stage, ending: Ending, dispute: Dispute) -> None:
    """The right root has won within the bound, and the honest have lost nothing by it."""
    assert ending.winner == stage.right(dispute)
    # The root is called for after block 1, and confirmed one block after it has come to T.
    assert ending.block <= 1 + stage.world.table.bound
    honest_ones = [name for name in ending.spent if name.startswith("honest")]
    assert sum(ending.spent[name] for name in honest_ones) <= 0


def defence_moves(ending: Ending, name: str = "honest") -> int:
    made = ending.moves[name]
    return sum(made[kind.__name__] for kind in (Open, Bisect, Refine, Prove))


# --- One lie --------------------------------------------------------------------------------------


def test_uncontested_root(stage: Stage) -> None:
    ending, dispute = stage.play()
    assert_won(stage, ending, dispute)
    assert defence_moves(ending) == 1
    assert ending.block <= stage.confirm_after + 4
    assert ending.spent["honest"] == 0


@pytest.mark.parametrize(
    "at",
    [
        pytest.param((1, 1, 1), id="one_evil_first"),
        pytest.param(TOPS, id="one_evil_last_leaf"),
        pytest.param((2, 2, 2), id="one_evil_pow2_edge"),
        pytest.param((3, 3, 3), id="one_evil_pow2_edge_and_one"),
        pytest.param((1, 4, 2), id="one_evil_mixed"),
    ],
)
def test_one_evil(stage: Stage, at: tuple[int, ...]) -> None:
    ending, dispute = stage.play(stage.liar(*at))
    assert_won(stage, ending, dispute)
    # The liar has lost a stake at every level, each as the first or the second there.
    lost = sum(level.stake for level in stage.world.table.levels)
    assert lost <= ending.spent["evil0"] <= 2 * lost
    assert ending.moves["honest"]["Prove"] == 1


def test_honest_prefix_evil_tail(stage: Stage) -> None:
    """Two who agree with the truth for longer and longer, and with one another for a while."""
    ending, dispute = stage.play(stage.liar(2, 1, 1), stage.liar(4, 1, 1), stage.liar(4, 1, 3))
    assert_won(stage, ending, dispute)


def test_evil_parent_of_honest_child(stage: Stage) -> None:
    """A false root may have a true half. That half counts for both; the other decides."""
    ending, dispute = stage.play(stage.liar(3, 1, 1))
    assert_won(stage, ending, dispute)
    roots = [entry for entry in dispute.graph.entries.values() if entry.node.depth == 2]
    lefts = [dispute.graph.halves[entry.id][0] for entry in roots if not entry.node.level]
    assert len(lefts) == 2
    assert len(set(lefts)) == 1


def test_zero_divergence_padding() -> None:
    """A lie about what a program does after it has halted: its last states repeat."""
    stage = Stage(vm_world("count", (2, 3, 2)), Lockstep)
    run = stage.world.histories.history(stage.world.origin, (0,))
    assert run.state(7) == run.state(8)
    ending, dispute = stage.play(stage.liar(0, 8, 4), stage.liar(1, 8, 4))
    assert_won(stage, ending, dispute)


@pytest.mark.parametrize(
    "name", [pytest.param("trap", id="vm_trap_outcome"), pytest.param("loop", id="vm_not_halting")]
)
@pytest.mark.parametrize("at", [(1, 1, 1), (1, 3, 2), (2, 4, 4)])
def test_outcomes_of_programs_that_fail(name: str, at: tuple[int, ...]) -> None:
    stage = Stage(vm_world(name, HEIGHTS), Lockstep)
    ending, dispute = stage.play(stage.liar(*at))
    assert_won(stage, ending, dispute)


# --- Many -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(8, id="n_sybils_8"),
        pytest.param(64, id="n_sybils_64", marks=pytest.mark.slow),
        pytest.param(512, id="n_sybils_512", marks=pytest.mark.slow),
    ],
)
def test_sybils(stage: Stage, count: int) -> None:
    world = stage.world
    if count > 64 and stage.create is Lockstep:  # to compare all of so much storage takes minutes
        stage = Stage(world, lambda world: Lockstep(world, thorough=4096))
    crowd = both(*sybils(world.histories, world.table, world.origin, count))
    evil = selfish(crowd, world.histories, world.origin)
    ending, dispute = stage.play(evil, until_settled=False)
    assert ending.winner == stage.right(dispute)
    assert ending.block <= 1 + world.table.bound
    # A rival at a level costs a bisection for each unit of height, and the move at the end.
    heights = [level.height for level in world.table.levels]
    assert defence_moves(ending) <= 1 + count * (sum(heights) + len(heights))


def test_identical_claim_front_run(stage: Stage) -> None:
    """Somebody makes every honest move first, and claims against himself, to win his own stakes."""
    copycat = only(honest(stage.world.histories, stage.world.origin), Open, Bisect, Refine, Prove)
    ending, dispute = stage.play(both(copycat, stage.liar(2, 3, 1), stage.liar(3, 1, 1, seed=1)))
    assert_won(stage, ending, dispute)
    assert ending.spent["evil0"] > min(level.stake for level in stage.world.table.levels)


def test_two_honest_agents(stage: Stage) -> None:
    """They need not know of each other: together they move no more than one would."""
    parties = [stage.honest("honest"), stage.honest("honest1")]
    ending, dispute = stage.play(stage.liar(2, 3, 1), honest_parties=parties)
    assert_won(stage, ending, dispute)
    alone, _ = stage.play(stage.liar(2, 3, 1))
    assert defence_moves(ending) + defence_moves(ending, "honest1") == defence_moves(alone)


def test_late_joiner(stage: Stage) -> None:
    """One honest party dies in the middle; another, who knows nothing but L1, goes on."""
    middle = 6
    dies = stage.honest("honest")
    parties = [
        lambda view: dies(view) if view.now < middle else [],
        after(middle, stage.honest("honest1")),
    ]
    ending, dispute = stage.play(stage.liar(2, 3, 1), honest_parties=parties)
    assert_won(stage, ending, dispute)
    assert defence_moves(ending)
    assert defence_moves(ending, "honest1")


def test_frenemy_refinement(stage: Stage) -> None:
    """A false friend supports what is true by what is false. He loses his stake, though the root
    above has won."""
    friend = false_friend(stage.world.histories, stage.world.table, stage.world.origin)
    ending, dispute = stage.play(stage.liar(2, 3, 1), friend)
    assert_won(stage, ending, dispute)
    assert ending.moves["evil1"]["Refine"]
    assert ending.spent["evil1"] > stage.world.table.levels[1].stake


def test_gas_bomb_children(stage: Stage) -> None:
    """A terminal with many refinements costs no more updates than one with a single one: of those
    that claim it, only the right one is ever updated."""
    world = stage.world
    lies = [Lie(seed, (0, 1 + seed % 4, 1)) for seed in range(12)]
    friends = [
        only(
            liar(world.histories, world.table, world.origin, lie),
            *(Open, Bisect, Refine, Prove),  # or they would settle for the honest party
        )
        for lie in lies
    ]
    updates: list[UpdateTimers] = []

    def recorded(view: Dispute) -> Sequence[Move]:
        moves = stage.honest()(view)
        updates.extend(move for move in moves if isinstance(move, UpdateTimers))
        return moves

    ending, dispute = stage.play(
        stage.liar(2, 3, 1), *friends, honest_parties=[recorded], until_settled=False
    )
    assert ending.winner == stage.right(dispute)
    assert max(map(len, dispute.graph.refinements.values())) > 8
    assert updates
    for move in updates:
        nodes = [update.node for update in move.updates]
        refined = [node.origin for node in nodes if node.level and dispute.graph.is_root(node.id())]
        assert refined
        assert len(refined) == len(set(refined))


# --- Time -----------------------------------------------------------------------------------------


def test_idle_adversary(stage: Stage) -> None:
    """A rival that is not defended costs one bisection, and next to no time."""
    ending, dispute = stage.play(idle(stage.liar(2, 3, 1)))
    assert_won(stage, ending, dispute)
    assert ending.moves["honest"]["Bisect"] == 1
    assert ending.block <= stage.confirm_after + 6


def test_last_block_rival(stage: Stage) -> None:
    """A rival that comes when the root is about to be confirmed."""
    ending, dispute = stage.play(after(stage.confirm_after, stage.liar(2, 3, 1)))
    assert_won(stage, ending, dispute)
    assert ending.block < 2 * stage.confirm_after


@pytest.mark.parametrize("adversary_last", [False, True])
@pytest.mark.parametrize(
    "censor",
    [
        pytest.param(burst(3, 20), id="censor_burst"),
        pytest.param(split(2), id="censor_split"),
        pytest.param(lambda block: True, id="censor_from_the_start"),
    ],
)
def test_censorship(stage: Stage, censor: Callable[[int], bool], adversary_last: bool) -> None:
    circumstances = Circumstances(censor, adversary_last=adversary_last)
    ending, dispute = stage.play(
        stage.liar(2, 3, 1), stage.liar(4, 4, 4, seed=1), circumstances=circumstances
    )
    assert_won(stage, ending, dispute)
    assert ending.block > stage.confirm_after


def test_censor_above_c(stage: Stage) -> None:
    """Who can keep the honest off L1 for longer than the terms allow for can win."""
    for_ever = Circumstances(lambda block: True, budget=2 * stage.confirm_after)
    ending, dispute = stage.play(stage.liar(2, 3, 1), circumstances=for_ever, until_settled=False)
    assert ending.winner is not None
    assert ending.winner != stage.right(dispute)


@pytest.mark.parametrize("seed", range(3))
def test_adversary_orders_every_block(stage: Stage, seed: int) -> None:
    rng = random.Random(seed)
    evil = [
        shuffled(stage.liar(2, 3, 1), seed),
        one_at_a_time(stage.liar(4, 4, 4, seed=1)),
        every(rng.randrange(2, 5), stage.liar(1, 1, 1, seed=2)),
    ]
    circumstances = Circumstances(adversary_last=bool(seed % 2))
    ending, dispute = stage.play(*evil, circumstances=circumstances)
    assert_won(stage, ending, dispute)


# --- Tricks ---------------------------------------------------------------------------------------


def test_cross_tree_timer_theft(stage: Stage) -> None:
    """Whoever updates whatever there is gains none of the time that counts for rivals."""
    ending, dispute = stage.play(both(stage.liar(*TOPS), spammer))
    assert_won(stage, ending, dispute)


def test_update_spam(stage: Stage) -> None:
    """Updates in every block, from below and from nothing: timers only grow, and not too far."""
    ending, dispute = stage.play(both(spammer, stage.liar(2, 3, 1)), both(spammer))
    assert_won(stage, ending, dispute)
    for entry in dispute.graph.entries.values():
        assert entry.timer <= dispute.graph.bottom_up_timer(entry.id, dispute.now)


def test_forged_moves_of_both_sides(stage: Stage) -> None:
    """Every move of everybody, wrong in every place: all are refused, and the game goes on."""
    lie = stage.liar(2, 3, 1)
    ending, dispute = stage.play(both(tampered(lie), lie, tampered(stage.honest())))
    assert_won(stage, ending, dispute)
    assert ending.refused["evil0"] > 100


def test_wrong_step_proof(stage: Stage) -> None:
    """The liar sends what it has for proofs. None of them proves anything."""
    world = stage.world
    false = FalseHistories(world.histories, world.table, Lie(0, (2, 3, 1)))
    ending, dispute = stage.play(honest(false, world.origin))
    assert_won(stage, ending, dispute)
    assert ending.refused["evil0"]
    assert set(dispute.provers.values()) == {HONEST}


def test_stake_ladder_grief(stage: Stage) -> None:
    """Sixteen false roots before the true one: its stake is seventeen times as large, and theirs
    together more than half of that squared."""
    world = stage.world
    crowd = sybils(world.histories, world.table, world.origin, 16)
    parties = [after(4, stage.honest())]
    ending, dispute = stage.play(*map(idle, crowd), honest_parties=parties)
    assert ending.winner == stage.right(dispute)
    assert ending.spent["honest"] <= 0
    stake = world.table.levels[0].stake
    assert dispute.graph[stage.right(dispute)].rank == 17
    assert sum(ending.spent[f"evil{number}"] for number in range(16)) == stake * 16 * 17 // 2


def test_the_bound_of_the_terms_that_scenarios_use() -> None:
    """They are the tightest, so that what is won here is won on any."""
    assert terms(HEIGHTS).confirm_after == chain_world(HEIGHTS).table.allowance + 1
