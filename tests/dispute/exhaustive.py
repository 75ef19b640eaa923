"""Every game there is, on tables that are tiny: all that an adversary can do against the honest
strategy, in every order, with all ways to censor.

The adversary moves before and after the honest party in every block. What it can commit to is
given: a few false histories for each contest. Only what changes the game is tried: proofs of what
is false are refused, and timers are compared as they really are, whether updated or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dispute import agent
from dispute.adversaries import FalseHistories, Lie
from dispute.agent import Histories
from dispute.graph import Node
from dispute.hash_chain import ChainHistories, ChainStep, chain_table
from dispute.moves import Move, Open, Prove
from dispute.protocol import Dispute, StepProof
from dispute.table import Table, Terms
from fpvm.history import leaf
from fpvm.keccak import keccak256

ORIGIN = keccak256(b"exhaustive")
HONEST, EVIL = b"h" * 20, b"e" * 20
LOST = 1 << 30


def tightest(heights: tuple[int, ...], censorship: int, delay: int) -> Table:
    """The table with the smallest T that may be deployed."""
    moves = sum(heights) + len(heights) + 1
    confirm_after = censorship + (delay + 1) * moves + 1
    return chain_table(heights, Terms(confirm_after, censorship, delay, 0, 0, b"\0" * 20), 0)


@dataclass(frozen=True)
class Position:
    """A game between two blocks. ``pending``: honest moves, and in how many blocks each is due."""

    stage: Dispute
    pending: tuple[tuple[Move, int], ...]
    censorship: int


class Search:
    """Finds the longest game. ``roots``: how many false roots the adversary opens in a contest."""

    def __init__(
        self, table: Table, lies: tuple[Lie, ...], roots: int, stage: type[Dispute] = Dispute
    ) -> None:
        self.table = table
        self.roots = roots
        self.stage = stage
        self.truth = ChainHistories(tuple(level.height for level in table.levels))
        self.beliefs: tuple[Histories, ...] = (
            self.truth,
            *(FalseHistories(self.truth, table, lie) for lie in lies),
        )
        self.empty = stage(table, ChainStep())
        self.openings = list(
            dict.fromkeys(agent.honest_root(self.empty, each, ORIGIN) for each in self.beliefs)
        )
        self.right = self.openings[0].id()
        #: Where in the computation the history of an origin is.
        self.paths: dict[bytes, tuple[int, ...]] = {ORIGIN: ()}
        self.answers: dict[bytes, list[tuple[Node | None, Move]]] = {}
        self.known: dict[object, int] = {}

    def longest(self, censorship: int | None = None) -> int:
        """The blocks from when the honest root is called for until it is confirmed, at most; or
        LOST, if the adversary can win. ``censorship``: the blocks that may be censored, by default
        C."""
        if censorship is None:
            censorship = self.table.terms.censorship
        start = self.stage(self.table, ChainStep())
        start.now = 1
        pending = ((self._honest_moves(start)[0], self.table.terms.delay),)
        return self._worst(Position(start, pending, censorship))

    def _worst(self, position: Position) -> int:
        key = self._key(position)
        if key not in self.known:
            self.known[key] = 0  # nothing comes back to it: time goes on
            self.known[key] = min(1 + max(map(self._after_block, self._blocks(position))), LOST)
        return self.known[key]

    def _after_block(self, position: Position) -> int:
        """How long it takes from here; 0 if it is over."""
        stage = position.stage
        if self._has_lost(stage):
            return LOST
        if self.right in stage.graph and self._timer(stage, self.right) >= self._threshold:
            return 0
        waiting = dict(position.pending)
        for move in self._honest_moves(stage):
            waiting.setdefault(move, self.table.terms.delay)
        return self._worst(replace(position, pending=tuple(waiting.items())))

    @property
    def _threshold(self) -> int:
        return self.table.terms.confirm_after

    def _timer(self, stage: Dispute, node_id: bytes) -> int:
        return stage.graph.bottom_up_timer(node_id, stage.now)

    def _has_lost(self, stage: Dispute) -> bool:
        return any(
            self._timer(stage, entry.id) >= self._threshold
            for entry in stage.graph.entries.values()
            if entry.rank and not entry.node.level and entry.id != self.right
        )

    def _honest_moves(self, stage: Dispute) -> list[Move]:
        places = list(agent.honest_places(stage, self.truth, ORIGIN))
        if not places:
            return agent.opening(stage, self.truth, ORIGIN)
        return agent.defence(stage, self.truth, ORIGIN, places)

    # --- A block ---

    def _blocks(self, position: Position) -> Iterator[Position]:
        """All positions that one block may lead to."""
        stage = position.stage.copy()
        stage.now += 1
        for is_censored in (False, True)[: 1 + (position.censorship > 0)]:
            due = [(move, at) for move, at in position.pending if at == 0 and not is_censored]
            waiting = tuple(
                (move, at if is_censored else at - 1)
                for move, at in position.pending
                if (move, at) not in due
            )
            for before in self._attacks(stage):
                for move, _ in due:
                    move.make(before, HONEST, 0)
                attacks = self._attacks(before) if due else [before]
                for after in attacks:
                    yield Position(after, waiting, position.censorship - is_censored)

    def _attacks(self, stage: Dispute) -> list[Dispute]:
        """All that the adversary may make of ``stage``, by any number of moves."""
        found = {self._shape(stage): stage.copy()}
        waiting = [stage]
        while waiting:
            at = waiting.pop()
            for move in self._attacks_once(at):
                after = at.copy()
                move.make(after, EVIL, 0)
                shape = self._shape(after)
                if shape not in found:
                    found[shape] = after
                    waiting.append(after)
        return list(found.values())

    def _attacks_once(self, stage: Dispute) -> Iterator[Move]:
        """Each single move that the adversary can make and that changes something: whatever
        follows from something that one might believe in, on any node there is."""
        graph = stage.graph
        mine: Counter[bytes] = Counter(
            entry.cohort for entry in graph.entries.values() if entry.rank and entry.mover == EVIL
        )
        for root in self.openings:
            if root.id() not in graph and mine[root.cohort()] < self.roots:
                yield Open(ORIGIN, root.span)
        for entry in graph.entries.values():
            if not graph.is_rivalled(entry.id):
                continue
            if entry.id in graph.halves or entry.id in stage.provers:
                continue
            for new, move in self._answers(entry.node):
                if new is None or (new.id() not in graph and mine[new.cohort()] < self.roots):
                    yield move

    def _answers(self, node: Node) -> list[tuple[Node | None, Move]]:
        """What can be moved on a node, by any belief; with the root that it adds, if any."""
        key = node.id()
        if key not in self.answers:
            self.answers[key] = list(dict.fromkeys(self._answers_of(node)))
        return self.answers[key]

    def _answers_of(self, node: Node) -> Iterator[tuple[Node | None, Move]]:
        path = self.paths[node.origin]
        for belief in self.beliefs:
            history = belief.history(ORIGIN, path)
            is_place = (history.base(node.pos), history.span(node.pos, node.depth)) == (
                node.base,
                node.span,
            )
            if not is_place:
                continue
            if node.depth:
                yield None, agent.bisection(node, history)
            elif node.level < self.table.last:
                self.paths[node.cohort()] = below = (*path, node.pos)
                move = agent.refinement(
                    node,
                    history,
                    belief.history(ORIGIN, below),
                    belief.outcome_proof(ORIGIN, below),
                )
                yield agent.finer_root(self.empty, belief, ORIGIN, node, below), move
            else:
                witness = belief.witness(ORIGIN, (*path, node.pos))
                if len(witness.state) == 40 and leaf(ChainStep().post_state(witness)) == node.span:
                    proof = StepProof(witness, tuple(history.prove_last(node.pos)))
                    yield None, Prove(node, proof)

    # --- What is the same ---

    def _shape(self, stage: Dispute) -> object:
        graph = stage.graph
        return frozenset(graph.entries), frozenset(graph.halves), frozenset(stage.provers)

    def _key(self, position: Position) -> object:
        """All that the rest of the game depends on: of times, only the timers."""
        stage, graph = position.stage, position.stage.graph
        timers = frozenset(
            (
                entry.id,
                min(graph.local_timer(entry.id, stage.now), self._threshold),
            )
            for entry in graph.entries.values()
        )
        return self._shape(stage), timers, frozenset(position.pending), position.censorship


def lies_of(heights: tuple[int, ...], seeds: int) -> tuple[Lie, ...]:
    """Lies at all combinations of places, in so many variants."""
    places: list[tuple[int, ...]] = [()]
    for height in heights:
        places = [(*at, index) for at in places for index in range(1, (1 << height) + 1)]
    return tuple(Lie(seed, at) for seed in range(seeds) for at in places)
