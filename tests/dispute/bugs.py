"""Bugs that dispute protocols have had, put back into ours: with any of them, honest parties lose.

Each comes with the strategy that makes use of it, in the world of a hash chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dispute import agent
from dispute.adversaries import Strategy, both, honest, spammer
from dispute.graph import Graph, Node, level_root
from dispute.hash_chain import ChainHistories, pack
from dispute.moves import Move, Prove, Refine
from dispute.protocol import Dispute, Judge, Refinement, StepProof, check_end
from dispute.table import Table
from fpvm import history
from fpvm.history import History
from fpvm.keccak import keccak256
from fpvm.proof import Witness

#: Another computation than the one that the dispute is about.
OTHER = keccak256(b"another computation")


class _SharedTimers(Graph):
    def bottom_up_timer(self, node_id: bytes, now: int) -> int:
        timer = super().bottom_up_timer(node_id, now)
        if self.entries[node_id].node.depth:
            return timer
        shared = [each for rival in self.rivals(node_id) for each in self.children(rival.id)]
        best = max((self.bottom_up_timer(each, now) for each in shared), default=0)
        return max(timer, self.local_timer(node_id, now) + best)


class SharedTimers(Dispute):
    """A refinement counts for every rival of the terminal that it claims."""

    def __init__(self, table: Table, judge: Judge) -> None:
        super().__init__(table, judge)
        self.graph = _SharedTimers()

    def _raise_timer(self, node_id: bytes, is_bisected: bool) -> None:
        super()._raise_timer(node_id, is_bisected)
        claim = self.graph[node_id].claim
        if claim:
            for rival in self.graph.rivals(claim):
                own = self.graph.local_timer(rival.id, self.now)
                self.graph.raise_timer(rival.id, own + self.graph[node_id].timer)


class _Baseless(Node):
    def cohort(self) -> bytes:
        place = bytes([self.level, self.depth]) + self.pos.to_bytes(8, "big")
        return keccak256(b"\3" + self.origin + place)


def _baseless(node: Node) -> Node:
    return _Baseless(node.origin, node.level, node.pos, node.depth, node.base, node.span)


class NoBase(Dispute):
    """The base is not part of the identity of a node."""

    def _known(self, node: Node) -> bytes:
        return super()._known(_baseless(node))

    def _enter(self, by: bytes, root: Node, claim: bytes, value: int) -> bytes:
        return super()._enter(by, _baseless(root), claim, value)


class AnyStart(Dispute):
    """Whoever refines says in which state the finer history begins."""

    def refine(self, by: bytes, terminal: Node, finer: Refinement, value: int = 0) -> bytes:
        level = self.table.levels[terminal.level + 1]
        check_end(finer.span, level.height, finer.end, finer.end_path)
        assert history.leaf(level.boundary.outcome(finer.end, finer.proof)) == terminal.span
        root = level_root(
            terminal.cohort(), terminal.level + 1, level.height, finer.pre, finer.span
        )
        return self._enter(by, root, self._known(terminal), value)


# --- Who makes use of them ------------------------------------------------------------------------


class EndsElsewhere(ChainHistories):
    """True but for its last state, which is one of another computation; and that computation's own
    history below."""

    def history(self, origin: bytes, path: tuple[int, ...]) -> History:
        last = (1 << self.heights[0]) - 1
        if not path:
            true = ChainHistories(self.heights).history(origin, ())
            end = ChainHistories(self.heights).history(OTHER, ()).state(last + 1)
            return History(true.state(0), [*map(true.state, range(1, last + 1)), end], true.height)
        return super().history(OTHER if path[0] == last else origin, path)

    def witness(self, origin: bytes, path: tuple[int, ...]) -> Witness:
        return super().witness(OTHER, path)


def thief_of_timers(strategy: Strategy) -> Strategy:
    """Lies, and updates whatever is there."""
    return both(strategy, spammer)


def user_of_false_bases(origin: bytes, heights: tuple[int, ...]) -> Strategy:
    """Proves a false terminal from a pre-state that is none of its prefix."""
    lie = EndsElsewhere(heights)

    def prove(view: Dispute) -> Sequence[Move]:
        moves: list[Move] = []
        for place in agent.honest_places(view, lie, origin):
            is_last = place.node.level == view.table.last and not place.node.depth
            if is_last and agent.calls_for_a_move(view, lie, origin, place):
                witness = Witness(pack(OTHER, place.node.pos))
                path = tuple(place.history.prove_last(place.node.pos))
                base = history.verify_last(place.node.pos, keccak256(witness.state), path)
                moves.append(Prove(replace(place.node, base=base), StepProof(witness, path)))
        return moves

    return both(honest(lie, origin), prove)


def user_of_false_starts(origin: bytes, heights: tuple[int, ...]) -> Strategy:
    """Refines a false terminal by a true history, of another computation."""
    lie = EndsElsewhere(heights)

    def strategy(view: Dispute) -> Sequence[Move]:
        return [
            Refine(move.terminal, replace(move.finer, pre=_start(lie, origin, move.terminal)))
            if isinstance(move, Refine)
            else move
            for move in agent.moves(view, lie, origin)
        ]

    return strategy


def _start(lie: EndsElsewhere, origin: bytes, terminal: Node) -> bytes:
    return lie.history(origin, (terminal.pos,)).state(0)
