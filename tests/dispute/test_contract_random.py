"""Moves at random, on the contract and the model: right ones and wrong ones, in any order.

Several parties disagree about several origins. At each turn one of them does what its histories
call for, or the same a second time, or out of turn, or in a way that is wrong in one place, or
something that makes no sense; at times many blocks pass, so that disputes come to their end. CI
makes a fixed 20,000 moves, ``AXONUM_FUZZ=1000000`` that many.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from dispute.adversaries import FalseHistories, Lie, forgeries, random_places
from dispute.agent import Histories, bisection, honest_places, moves, update
from dispute.graph import Node
from dispute.moves import (
    Bisect,
    ClaimBisection,
    ClaimProof,
    ClaimRefinement,
    Confirm,
    Move,
    Open,
    Prove,
    Refine,
    UpdateTimers,
)
from dispute.protocol import Refused, Update
from tests.dispute.lockstep import Lockstep
from tests.dispute.scenes import changed
from tests.dispute.worlds import PROGRAMS, SINK, STAKE, vm_world

MOVES = int(os.environ.get("AXONUM_FUZZ", "20000"))
#: Moves in one contract.
GAME = 500
PARTIES = [bytes([number]) * 20 for number in (0xA1, 0xA2, 0xA3, 0xA4)]
ERRORS = {
    *("UnknownNode", "IsTerminal", "WrongHalves", "NotRivalled", "NotTerminal", "WrongLevel"),
    *("WrongPathLength", "WrongPreState", "WrongEnd", "WrongOutcome", "WrongOutcomeProof"),
    *("WrongStep", "NotBisected", "NotRoot", "Decided", "TooEarly", "StakeTooLow", "NotWon"),
    *("WrongClaim", "NotProved", "NotDecided"),
}


class Game:
    """A contract, its model, and what somebody may want to do next."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.world = vm_world(self.rng.choice(list(PROGRAMS)), (2, 2, 2))
        self.stage = Lockstep(self.world)
        for party in PARTIES:
            self.stage.deposit(party, self.rng.choice((0, 3 * STAKE, 10**24)))
        self.origins = [bytes(31) + bytes([self.rng.randrange(256)]) for _ in range(2)]
        self.beliefs: list[Histories] = [self.world.histories] + [
            FalseHistories(
                self.world.histories,
                self.world.table,
                Lie((seed, number), random_places(self.world.table, self.rng)),
            )
            for number in range(len(PARTIES) - 1)
        ]
        self.made: list[Move] = []
        self.told: Counter[str] = Counter()

    def turn(self) -> None:
        """One thing that is done, whether it is taken or not."""
        if self.rng.random() < 0.2:
            far = self.rng.random() < 0.03
            self.stage.now += self.rng.randrange(80) if far else self.rng.randrange(3)
        by = self.rng.choice(PARTIES)
        value = self.rng.choice((0, 0, STAKE, 6 * STAKE, 2 * STAKE - 1))
        try:
            name = self.something(by, value)
        except Refused as refusal:
            name = refusal.error
        self.told[name] += 1

    def something(self, by: bytes, value: int) -> str:
        kind = self.rng.random()
        if kind < 0.1:
            return self.money(by)
        if kind < 0.15:
            return self.several(by)
        if kind < 0.25:
            move = self.nonsense()
        elif kind < 0.3:
            move = self.out_of_turn()
        elif kind < 0.4 and self.made:
            move = self.rng.choice(self.made)
        else:
            move = self.sensible()
            wrong = forgeries(move) if self.rng.random() < 0.3 else []
            move = self.rng.choice(wrong or [move])
        self.make(move, by, value)
        self.made.append(move)
        return type(move).__name__

    def make(self, move: Move, by: bytes, value: int) -> None:
        move.make(self.stage, by, value if isinstance(move, Open | Refine) else 0)  # type: ignore[arg-type]

    def sensible(self) -> Move:
        """What somebody's histories call for; if nothing, an update."""
        origin = self.rng.choice(self.origins)
        believer = self.rng.randrange(len(PARTIES))
        payee = PARTIES[believer] if self.rng.random() < 0.7 else None
        wanted = moves(self.stage, self.beliefs[believer], origin, payee)  # type: ignore[arg-type]
        return self.rng.choice(wanted or [UpdateTimers((self.some_update(),))])

    def out_of_turn(self) -> Move:
        """Something with the right halves, though nobody may call for it."""
        origin, believed = self.rng.choice(self.origins), self.rng.choice(self.beliefs)
        places = [p for p in honest_places(self.stage, believed, origin) if p.node.depth]  # type: ignore[arg-type]
        if not places:
            return Open(origin, believed.history(origin, ()).root())
        place = self.rng.choice(places)
        move = bisection(place.node, place.history)
        given = Update(move.node, move.left, move.right)
        claim = ClaimBisection(move.node, move.left, move.right)
        return self.rng.choice((move, UpdateTimers((given,)), Confirm(given), claim))

    def money(self, by: bytes) -> str:
        if self.rng.random() < 0.6:
            self.stage.deposit(by, self.rng.randrange(40 * STAKE))
            return "deposit"
        if self.rng.random() < 0.2:
            self.stage.withdraw(self.rng.choice((by, SINK)))
            return "withdraw"
        nodes = [entry.node for entry in self.stage.graph.entries.values() if entry.rank]
        if not nodes:
            return "nothing"
        node = self.rng.choice(nodes)
        self.stage.sweep(node.origin, node.level)
        return "sweep"

    def several(self, by: bytes) -> str:
        several = [self.sensible() for _ in range(self.rng.randrange(4))]
        if any(isinstance(move, Prove) and move.step.witness.part for move in several):
            return "nothing"  # its preimage may not be there
        self.stage.multicall(by, several)
        return "multicall"

    # --- Nonsense ---

    def nonsense(self) -> Move:
        """A move on nodes that have nothing to do with one another."""
        node, other = self.some_node(), self.some_node()
        halves = self.halves_of(self.rng.choice((node, node, other)))
        kind = self.rng.randrange(8)
        if kind == 0:
            return Bisect(node, *halves)
        if kind == 1:
            return UpdateTimers((Update(node, *halves), self.some_update()))
        if kind == 2:
            return Confirm(self.rng.choice((Update(node), self.some_update())))
        if kind == 3:
            return ClaimBisection(node, *halves)
        if kind == 4:
            return ClaimRefinement(node, other)
        if kind == 5:
            return ClaimProof(node)
        made: list[Move] = [move for move in self.made if isinstance(move, Refine | Prove)]
        if not made:
            return Open(self.rng.choice(self.origins), self.rng.randbytes(32))
        return replace(self.rng.choice(made), terminal=node)  # type: ignore[type-var]

    def some_node(self) -> Node:
        """One that is there, mostly."""
        entries = list(self.stage.graph.entries.values())
        if not entries:
            return Node(bytes(32), 0, 0, 2, bytes(32), bytes(32))
        node = self.rng.choice(entries).node
        if self.rng.random() < 0.1:
            return replace(node, span=changed(node.span))
        return node

    def some_update(self) -> Update:
        node = self.some_node()
        if node.id() not in self.stage.graph:
            return Update(node)
        return update(self.stage, node)  # type: ignore[arg-type]

    def halves_of(self, node: Node) -> tuple[bytes, bytes]:
        """Those that it has, or that somebody would give it, or some."""
        graph = self.stage.graph
        if node.id() in graph.halves:
            left, right = graph.halves[node.id()]
            return graph[left].node.span, graph[right].node.span
        return self.rng.randbytes(32), self.rng.randbytes(32)


def test_moves_at_random(tell: Callable[[str], None]) -> None:
    told: Counter[str] = Counter()
    for seed in range(-(-MOVES // GAME)):
        game = Game(seed)
        for _ in range(GAME):
            game.turn()
        game.stage.check_all()
        told += game.told
    tell(f"dispute contract: {sum(told.values()):,} moves at random, {dict(told)}")
    made = {
        *("Open", "Bisect", "Refine", "Prove", "UpdateTimers", "Confirm", "multicall", "sweep"),
        *("ClaimBisection", "ClaimRefinement", "ClaimProof", "deposit", "withdraw"),
    }
    assert told.keys() >= made | ERRORS
