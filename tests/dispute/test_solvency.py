"""The contract can pay what it owes, after every move that anybody may think of.

The balance is what is owed to accounts, staked in open contests, and set aside for bounties: never
less, so nobody is paid with what is another's; never more, so nothing is lost. The contract and the
model are both asked, after each move (tests/dispute/lockstep.py).
"""

from __future__ import annotations

from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dispute.adversaries import FalseHistories, Lie
from dispute.agent import Histories, moves, update
from dispute.graph import Entry
from dispute.moves import Move, Open, Refine, UpdateTimers
from dispute.protocol import Refused
from tests.dispute.lockstep import Lockstep, liabilities
from tests.dispute.worlds import SINK, STAKE, vm_world

PARTIES = tuple(bytes([number]) * 20 for number in (0xA1, 0xA2, 0xA3))
WORLD = vm_world("count", (1, 2, 2))
BELIEFS: tuple[Histories, ...] = (
    WORLD.histories,
    FalseHistories(WORLD.histories, WORLD.table, Lie("one", (1, 2, 3))),
    FalseHistories(WORLD.histories, WORLD.table, Lie("two", (2, 1, 4))),
    FalseHistories(WORLD.histories, WORLD.table, Lie("three", (0, 2, 1))),
)
party = st.sampled_from(PARTIES)
wei = st.sampled_from((0, 1, STAKE - 1, STAKE, 2 * STAKE, 7 * STAKE))
which = st.integers(0, 1 << 16)


class Solvency(RuleBasedStateMachine):
    """Everybody does whatever the histories of somebody call for, and claims and takes money."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Lockstep(WORLD, thorough=8)

    @invariant()
    def the_balance_is_what_is_owed(self) -> None:
        stage = self.stage
        assert stage.chain.balance(stage.contract.address) == liabilities(stage.model)
        assert min(stage.model.credits.values(), default=0) >= 0
        assert all(contest.reserve >= 0 for contest in stage.model.contests.values())

    @rule(by=party, value=wei)
    def deposits(self, by: bytes, value: int) -> None:
        self.stage.deposit(by, value)

    @rule(by=st.sampled_from((*PARTIES, SINK)))
    def withdraws(self, by: bytes) -> None:
        self.stage.withdraw(by)

    @rule(by=party, belief=st.sampled_from(BELIEFS), value=wei)
    def opens(self, by: bytes, belief: Histories, value: int) -> None:
        self.make(Open(WORLD.origin, belief.history(WORLD.origin, ()).root()), by, value)

    @rule(by=party, payee=party, belief=st.sampled_from(BELIEFS), value=wei, choice=which)
    def moves(self, by: bytes, payee: bytes, belief: Histories, value: int, choice: int) -> None:
        wanted = moves(self.stage, belief, WORLD.origin, payee)  # type: ignore[arg-type]
        if wanted:
            self.make(wanted[choice % len(wanted)], by, value)

    def makes_all_moves(self, by: bytes, payee: bytes, belief: Histories) -> None:
        for move in moves(self.stage, belief, WORLD.origin, payee):  # type: ignore[arg-type]
            self.make(move, by, 7 * STAKE)

    @rule(blocks=st.integers(1, 8), start=st.integers(0, 3))
    def everybody_moves(self, blocks: int, start: int) -> None:
        """A dispute goes on for some blocks, with money for all."""
        for _ in range(blocks):
            for turn in range(start, start + len(BELIEFS)):
                by = PARTIES[turn % len(PARTIES)]
                self.makes_all_moves(by, by, BELIEFS[turn % len(BELIEFS)])
            self.stage.now += 1

    @rule(blocks=st.sampled_from((1, 2, 5, WORLD.table.terms.confirm_after)))
    def waits(self, blocks: int) -> None:
        self.stage.now += blocks

    @rule()
    def updates_everything(self) -> None:
        updates = tuple(update(self.stage, entry.node) for entry in reversed(self.entries()))  # type: ignore[arg-type]
        self.make(UpdateTimers(updates), PARTIES[0], 0)

    @precondition(lambda self: self.entries())
    @rule(by=party, choice=which)
    def confirms(self, by: bytes, choice: int) -> None:
        roots = [entry for entry in self.entries() if entry.rank]
        node = roots[choice % len(roots)].node
        with suppress(Refused):
            self.stage.confirm(by, update(self.stage, node))  # type: ignore[arg-type]

    @precondition(lambda self: self.entries())
    @rule(choice=which)
    def sweeps(self, choice: int) -> None:
        entries = self.entries()
        node = entries[choice % len(entries)].node
        with suppress(Refused):
            self.stage.sweep(node.origin, node.level)

    def make(self, move: Move, by: bytes, value: int) -> None:
        brought = value if isinstance(move, Open | Refine) else 0
        with suppress(Refused):
            move.make(self.stage, by, brought)  # type: ignore[arg-type]

    def entries(self) -> list[Entry]:
        return list(self.stage.graph.entries.values())

    def teardown(self) -> None:
        self.stage.check_all()


TestSolvency = Solvency.TestCase
TestSolvency.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
