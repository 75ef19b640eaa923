"""A dispute between two, at any point that a test needs it at: on the contract and the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dispute.adversaries import FalseHistories, Lie
from dispute.agent import Histories, bisection, finer_root, refinement, update
from dispute.graph import Node, level_root
from dispute.moves import Refine
from dispute.protocol import Refused, StepProof, Update
from tests.dispute.lockstep import Lockstep
from tests.dispute.worlds import World, vm_world

HONEST, LIAR, OTHER = (name.rjust(20, b"\0") for name in (b"honest", b"liar", b"other"))
LIE = Lie("scene", (2, 2, 2))


@dataclass
class Side:
    """A party to the scene, its histories, and its nodes on the way down: a root and a terminal for
    each level that has been reached."""

    address: bytes
    histories: Histories
    path: tuple[int, ...] = ()
    roots: list[Node] = field(default_factory=list)
    terminals: list[Node] = field(default_factory=list)


class Scene:
    """Someone honest and a liar, who move in turns; blocks pass only where a test says so."""

    def __init__(self, world: World | None = None, lie: Lie = LIE, thorough: int = 1) -> None:
        self.world = world or vm_world()
        self.stage = Lockstep(self.world, thorough=thorough)
        self.honest = Side(HONEST, self.world.histories)
        self.liar = Side(LIAR, FalseHistories(self.world.histories, self.world.table, lie))
        self.sides = (self.honest, self.liar)
        for address in (HONEST, LIAR, OTHER):
            self.stage.deposit(address, 10**24)

    # --- Going on ---

    def open(self, *sides: Side) -> Scene:
        """Roots of level 0: of both, or of whom is given."""
        origin = self.world.origin
        for side in sides or self.sides:
            history = side.histories.history(origin, ())
            self.stage.open(side.address, origin, history.root())
            height = self.world.table.levels[0].height
            side.roots = [level_root(origin, 0, height, history.state(0), history.root())]
        return self

    def bisect(self) -> Scene:
        """Both down from their last roots to the terminals that they disagree on."""
        nodes = [side.roots[-1] for side in self.sides]
        while nodes[0].depth:
            halves = [
                self._bisect(side, node) for side, node in zip(self.sides, nodes, strict=True)
            ]
            differs = halves[0][0] != halves[1][0]
            nodes = [left if differs else right for left, right in halves]
        for side, node in zip(self.sides, nodes, strict=True):
            side.terminals.append(node)
            side.path = (*side.path, node.pos)
        return self

    def refine(self, *sides: Side) -> Scene:
        """The last terminals: both, or of whom is given."""
        for side in sides or self.sides:
            move = self.refinement(side)
            self.stage.refine(side.address, move.terminal, move.finer)
            root = finer_root(
                self.stage, side.histories, self.world.origin, move.terminal, side.path
            )
            side.roots.append(root)
        return self

    def down(self) -> Scene:
        """To the terminals of the last level."""
        self.open().bisect()
        while len(self.honest.terminals) < len(self.world.table.levels):
            self.refine().bisect()
        return self

    def prove(self) -> Scene:
        """The right one of them."""
        self.stage.prove(HONEST, self.honest.terminals[-1], self.step())
        return self

    def wait(self, blocks: int | None = None) -> Scene:
        """So many blocks, or T."""
        self.stage.now += self.confirm_after if blocks is None else blocks
        return self

    def update_all(self) -> Scene:
        """All nodes, those below first."""
        self.stage.update(
            self.update(entry.node) for entry in reversed(list(self.stage.graph.entries.values()))
        )
        return self

    def confirm(self, level: int = 0) -> Scene:
        """The right root of a level."""
        self.stage.confirm(HONEST, self.update(self.honest.roots[level]))
        return self

    def settle(self) -> Scene:
        """From the start to where every contest is decided."""
        self.down().prove().wait().update_all()
        for level in reversed(range(len(self.world.table.levels))):
            self.confirm(level)
        return self

    def _bisect(self, side: Side, node: Node) -> tuple[Node, Node]:
        left, right = self.halves(side, node)
        self.stage.bisect(side.address, node, left, right)
        return node.halves(left, right)

    # --- What to move with ---

    @property
    def confirm_after(self) -> int:
        return self.world.table.terms.confirm_after

    def halves(self, side: Side, node: Node) -> tuple[bytes, bytes]:
        """The halves of a node of the level that the side is at."""
        move = bisection(node, side.histories.history(self.world.origin, side.path[: node.level]))
        return move.left, move.right

    def refinement(self, side: Side) -> Refine:
        """Of the side's last terminal."""
        origin, path = self.world.origin, side.path
        coarser = side.histories.history(origin, path[:-1])
        finer = side.histories.history(origin, path)
        proof = side.histories.outcome_proof(origin, path)
        return refinement(side.terminals[-1], coarser, finer, proof)

    def step(self) -> StepProof:
        """The proof of the right terminal of the last level."""
        origin, path = self.world.origin, self.honest.path
        history = self.honest.histories.history(origin, path[:-1])
        witness = self.honest.histories.witness(origin, path)
        return StepProof(witness, tuple(history.prove_last(path[-1])))

    def update(self, node: Node) -> Update:
        return update(self.stage, node)


def refused(call: Callable[[], object], error: str, *arguments: object) -> None:
    """Both refuse it, for this reason."""
    with pytest.raises(Refused) as caught:
        call()
    assert (caught.value.error, caught.value.arguments) == (error, arguments)


def changed(word: bytes, bit: int = 0) -> bytes:
    """Another word."""
    return (int.from_bytes(word, "big") ^ 1 << bit).to_bytes(len(word), "big")
