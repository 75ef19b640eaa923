"""Adversaries: what somebody does who wants a false root confirmed, or the truth to be expensive.

A *strategy* is a function from what is on L1 to moves, as the honest one is. Most adversaries are
the honest strategy with false histories, changed by small functions that take a strategy and give
one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dispute import agent
from dispute.agent import Histories
from dispute.graph import Node
from dispute.moves import Bisect, Move, Open, Prove, Refine, UpdateTimers
from dispute.protocol import Dispute, Update
from dispute.table import Boundary, Table
from dispute.vm import Runs
from fpvm.history import History
from fpvm.keccak import keccak256
from fpvm.proof import Witness
from fpvm.state import State

Strategy = Callable[[Dispute], Sequence[Move]]


def honest(histories: Histories, origin: bytes, payee: bytes | None = None) -> Strategy:
    """Who believes in ``histories``, and does what is right by them."""
    return lambda view: agent.moves(view, histories, origin, payee)


# --- False histories ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lie:
    """Where histories begin to be false: at level i from position ``at[i]`` on, which is 1 to
    2^height, or 0, which is nowhere. Below a level that lies, only what refines the step where it
    comes to be false does; the rest is true.

    A history that is false though no level above it lies comes back to the truth at its end. Two
    lies with different seeds differ in all that is false.
    """

    seed: object
    at: tuple[int, ...]


class FalseHistories:
    """True histories but for a lie.

    They hang together as far as anybody can check: each finer history begins where it must, and
    ends in a state whose outcome is what the coarser one claims.
    """

    def __init__(self, truth: Histories, table: Table, lie: Lie) -> None:
        self._truth = truth
        self._levels = table.levels
        self._lie = lie
        self._kept: dict[tuple[bytes, tuple[int, ...]], History] = {}

    def history(self, origin: bytes, path: tuple[int, ...]) -> History:
        if (origin, path) not in self._kept:
            self._kept[origin, path] = self._made_up(origin, path)
        return self._kept[origin, path]

    def outcome_proof(self, origin: bytes, path: tuple[int, ...]) -> bytes:
        if self._ends_true(origin, path):
            return self._truth.outcome_proof(origin, path)
        return forged_end(self._levels[len(path)].boundary, self._claimed(origin, path))[1]

    def witness(self, origin: bytes, path: tuple[int, ...]) -> Witness:
        """The true witness, if the step's pre-state is true; none that would help, else."""
        if self._starts_true(origin, path):
            return self._truth.witness(origin, path)
        return Witness(b"there is none")

    def _made_up(self, origin: bytes, path: tuple[int, ...]) -> History:
        level = len(path)
        size = 1 << self._levels[level].height
        states = self._beginning(origin, path)
        states += [self._noise(path, index) for index in range(len(states), size + 1)]
        if path:
            states[size] = self._end(origin, path)
        return History(states[0], states[1:], self._levels[level].height)

    def _beginning(self, origin: bytes, path: tuple[int, ...]) -> list[bytes]:
        """The states before those that are false: S0 at the least."""
        level = len(path)
        size = 1 << self._levels[level].height
        if not self._starts_true(origin, path):
            pre = self.history(origin, path[:-1]).state(path[-1])
            return [self._levels[level].boundary.start(origin, path[-1], pre)]
        truth = self._truth.history(origin, path)
        true = self._lie.at[level] or size + 1
        if path and not self._ends_true(origin, path):
            true = min(true, size)
        elif any(self._lie.at[:level]):
            true = size + 1
        return [truth.state(index) for index in range(true)]

    def _end(self, origin: bytes, path: tuple[int, ...]) -> bytes:
        if self._ends_true(origin, path):
            return self._truth.history(origin, path).state(1 << self._levels[len(path)].height)
        return forged_end(self._levels[len(path)].boundary, self._claimed(origin, path))[0]

    def _claimed(self, origin: bytes, path: tuple[int, ...]) -> bytes:
        """What the coarser history says comes of the step that this one refines."""
        return self.history(origin, path[:-1]).state(path[-1] + 1)

    def _starts_true(self, origin: bytes, path: tuple[int, ...]) -> bool:
        return not path or (
            self._starts_true(origin, path[:-1]) and self._is_true(origin, path[:-1], path[-1])
        )

    def _ends_true(self, origin: bytes, path: tuple[int, ...]) -> bool:
        return self._starts_true(origin, path) and self._is_true(origin, path[:-1], path[-1] + 1)

    def _is_true(self, origin: bytes, path: tuple[int, ...], position: int) -> bool:
        """Whether S(position) of the history at ``path`` is what it should be."""
        truth = self._truth.history(origin, path)
        return self.history(origin, path).state(position) == truth.state(position)

    def _noise(self, path: tuple[int, ...], index: int) -> bytes:
        return keccak256(repr((self._lie.seed, path, index)).encode())


def forged_end(boundary: Boundary, word: bytes) -> tuple[bytes, bytes]:
    """A last state, and the proof that its outcome is ``word``: one that no run ends in."""
    if not isinstance(boundary, Runs):
        return word, b""
    state = State(mem_root=keccak256(word), pc=0, next_pc=4, output=word, exited=True)
    return state.hash(), state.pack()


def liar(truth: Histories, table: Table, origin: bytes, lie: Lie) -> Strategy:
    """Claims what is false, and defends it as well as can be."""
    return honest(FalseHistories(truth, table, lie), origin)


def sybils(truth: Histories, table: Table, origin: bytes, count: int) -> list[Strategy]:
    """So many liars, who lie about different steps."""
    rng = random.Random(count)
    return [
        liar(truth, table, origin, Lie(number, random_places(table, rng)))
        for number in range(count)
    ]


def random_places(table: Table, rng: random.Random) -> tuple[int, ...]:
    """Somewhere for a lie to begin, at each level."""
    return tuple(rng.randrange(1, (1 << level.height) + 1) for level in table.levels)


def false_friend(truth: Histories, table: Table, origin: bytes, seed: object = 0) -> Strategy:
    """A frenemy: supports every true terminal of level 0, by a refinement that is false."""
    at = (0, *(1 for _ in table.levels[1:]))
    return liar(truth, table, origin, Lie(seed, at))


# --- Strategies from strategies -------------------------------------------------------------------


def only(strategy: Strategy, *kinds: type[Move]) -> Strategy:
    """Makes no moves but these."""
    return lambda view: [move for move in strategy(view) if isinstance(move, kinds)]


def idle(strategy: Strategy) -> Strategy:
    """Claims, and then never moves."""
    return only(strategy, Open)


def after(block: int, strategy: Strategy) -> Strategy:
    """Does nothing before a block."""
    return lambda view: strategy(view) if view.now >= block else []


def every(blocks: int, strategy: Strategy) -> Strategy:
    """Moves in every so manieth block only."""
    return lambda view: strategy(view) if view.now % blocks == 0 else []


def one_at_a_time(strategy: Strategy) -> Strategy:
    """One move in a block."""
    return lambda view: strategy(view)[:1]


def both(*strategies: Strategy) -> Strategy:
    """Does what each of them does."""
    return lambda view: [move for strategy in strategies for move in strategy(view)]


def shuffled(strategy: Strategy, seed: object) -> Strategy:
    """Makes its moves in any order, and some of them later."""
    rng = random.Random(repr(seed))

    def strategy_(view: Dispute) -> list[Move]:
        moves = list(strategy(view))
        rng.shuffle(moves)
        return moves[: rng.randrange(len(moves) + 1)]

    return strategy_


def selfish(strategy: Strategy, truth: Histories, origin: bytes) -> Strategy:
    """Leaves all honest moves to the honest, also those against other liars: it costs them most."""

    def strategy_(view: Dispute) -> list[Move]:
        right = {place.id for place in agent.honest_places(view, truth, origin)}
        return [move for move in strategy(view) if _node_of(move) not in right]

    return strategy_


def _node_of(move: Move) -> bytes:
    """The node that a move is made on; none, for other moves."""
    match move:
        case Bisect(node, _, _) | Refine(node, _) | Prove(node, _):
            return node.id()
    return b""


def spammer(view: Dispute) -> list[Move]:
    """Updates every node there is, from nothing and from its halves."""
    entries = list(view.graph.entries.values())
    bare = tuple(Update(entry.node) for entry in entries)
    full = tuple(agent.update(view, entry.node) for entry in entries)
    return [UpdateTimers(bare + full), UpdateTimers(full)] if entries else []


def tampered(strategy: Strategy) -> Strategy:
    """Makes each of its moves in every way that is wrong in one place. All are to be refused."""
    return lambda view: [bad for move in strategy(view) for bad in forgeries(move)]


def forgeries(move: Move) -> list[Move]:
    """A move, wrong in one place, for every place."""
    match move:
        case Bisect(node, left, right):
            return [
                Bisect(node, right, left),
                Bisect(node, _changed(left), right),
                Bisect(node, left, _changed(right)),
                *(Bisect(other, left, right) for other in _others(node)),
            ]
        case Refine(terminal, finer):
            return [
                Refine(terminal, replace(finer, span=_changed(finer.span))),
                Refine(terminal, replace(finer, pre=_changed(finer.pre))),
                Refine(terminal, replace(finer, end=_changed(finer.end))),
                Refine(terminal, replace(finer, end_path=finer.end_path[:-1])),
                Refine(terminal, replace(finer, end_path=(*finer.end_path, finer.end))),
                Refine(terminal, replace(finer, pre_path=(*finer.pre_path, finer.pre))),
                Refine(terminal, replace(finer, pre_path=finer.pre_path[1:] or (finer.pre,))),
                Refine(terminal, replace(finer, proof=finer.proof + b"\0")),
                # An inner node of the finer history, passed off as its last state.
                Refine(
                    terminal,
                    replace(finer, end=finer.end_path[-1], end_path=finer.end_path[:1]),
                ),
                *(Refine(other, finer) for other in _others(terminal)),
            ]
        case Prove(terminal, step):
            witness = step.witness
            return [
                Prove(terminal, replace(step, pre_path=(*step.pre_path, terminal.base))),
                Prove(terminal, replace(step, pre_path=step.pre_path[1:] or (terminal.base,))),
                Prove(terminal, replace(step, witness=replace(witness, state=witness.state[:-1]))),
                Prove(terminal, replace(step, witness=_one_step_later(witness))),
                *(Prove(other, step) for other in _others(terminal)),
            ]
    return []


def _changed(word: bytes) -> bytes:
    return bytes([word[0] ^ 1]) + word[1:]


def _one_step_later(witness: Witness) -> Witness:
    state = bytearray(witness.state)
    state[-1] ^= 1
    return replace(witness, state=bytes(state))


def _others(node: Node) -> list[Node]:
    """Nodes that are not this one."""
    return [
        replace(node, origin=_changed(node.origin)),
        replace(node, level=node.level ^ 1),
        replace(node, pos=node.pos ^ 1),
        replace(node, depth=node.depth + 1),
        replace(node, base=_changed(node.base)),
        replace(node, span=_changed(node.span)),
    ]
