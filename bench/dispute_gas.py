"""What a dispute costs on L1: the gas of every move, in a dispute at the heights of a real one.

As transactions of their own, under Cancun's rules (bench/gas.py says more). The histories are made
up but for the one step that is proved, and long: words, then 2^36 steps of the VM. Two parties
disagree at each level; both move down to the step, and the one that is right is confirmed and paid.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.gas import KINDS, noise, witness_of
from bench.measure import Row
from contracts.chain import Receipt
from contracts.clients import Step
from contracts.evm import PyEvm, floor_gas
from dispute.agent import bisection, refinement, update
from dispute.client import DisputeContract, call_of
from dispute.events import Replica, decode
from dispute.graph import Node, level_root
from dispute.moves import (
    ClaimBisection,
    ClaimProof,
    ClaimRefinement,
    Confirm,
    Move,
    Open,
    Prove,
    UpdateTimers,
)
from dispute.protocol import StepProof
from dispute.table import Level, Table, Terms
from dispute.vm import GivenWords, ProgramRuns, SameStates, Steps
from fpvm.history import History
from fpvm.keccak import keccak256
from fpvm.proof import Witness, verify
from fpvm.state import State

HEIGHTS = (6, 16, 10, 10)
#: Where the parties disagree, at each level: in the middle, to where the longest path leads.
POSITIONS = tuple(1 << height - 1 for height in HEIGHTS)
TERMS = Terms(100, 10, 0, 0, 10**15, b"\x51" * 20)
STAKE = 10**18
ORIGIN = noise(32, "origin")
HONEST, RIVAL = b"\xaa" * 20, b"\xbb" * 20


def made_up(height: int, states: dict[int, bytes], seed: object) -> History:
    """A history with these states, and noise elsewhere."""
    rng = random.Random(repr(seed))
    found = [states.get(index) or rng.randbytes(32) for index in range((1 << height) + 1)]
    return History(found[0], found[1:], height)


def rival_of(history: History, position: int, seed: object, keeps_end: bool) -> History:
    """A history that is another from the state after ``position`` on."""
    size = 1 << history.height
    states = {index: history.state(index) for index in range(position + 1)}
    if keeps_end:
        states[size] = history.state(size)
    return made_up(history.height, states, seed)


@dataclass
class Stage:
    """A dispute under way: the contract, what is known of it, and what each move has cost: under
    Cancun's rules, and since Prague."""

    contract: DisputeContract
    view: Replica
    chain: PyEvm
    costs: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def start(cls, table: Table) -> Stage:
        chain = PyEvm()
        contract = DisputeContract.deploy(chain, table, Step.deploy(chain))
        return cls(contract, Replica(table, Steps()), chain)

    def make(self, name: str, by: bytes, move: Move, value: int = 0, count: int = 1) -> None:
        """Make a move, and note its gas, or that of each of ``count`` parts."""
        self.chain.sender = by
        self._note(name, self.contract.send(move, value), call_of(move), count)

    def withdraw(self, by: bytes) -> None:
        self.chain.sender = by
        self._note("withdraw", self.contract.withdraw(by), b"\xff" * 36)

    def _note(self, name: str, receipt: Receipt, call: bytes, count: int = 1) -> None:
        gas = receipt.gas_used
        self.costs[name].append((gas // count, max(gas, floor_gas(call)) // count))
        for log in receipt.logs:
            self.view.apply(decode(log), self.chain.block)

    def wait(self, blocks: int) -> None:
        self.chain.block += blocks
        self.view.now = self.chain.block

    def rows(self) -> Iterator[Row]:
        for name, costs in self.costs.items():
            gas, since_prague = zip(*costs, strict=True)
            yield {
                "move": name,
                "times": len(costs),
                "gas": sum(gas) // len(gas),
                "least": min(gas),
                "most": max(gas),
                "since Prague": sum(since_prague) // len(since_prague),
            }


def measure() -> list[Row]:
    """The gas of every move."""
    witness = witness_of(next(kind for kind in KINDS if kind.name == "SW"))
    end = State(noise(32), 0x1111, 0x1115, output=noise(32, "output"), exited=True)
    table = _table(end.mem_root)
    histories = _histories(table, witness, end)
    stage = Stage.start(table)
    roots = _play_down(stage, histories, witness, end)
    stage.wait(TERMS.confirm_after)
    _settle(stage, roots)
    return list(stage.rows())


def _table(mem_root: bytes) -> Table:
    boundaries = (GivenWords(), ProgramRuns(mem_root, 0x1111), SameStates(), SameStates())
    levels = zip(HEIGHTS, boundaries, strict=True)
    return Table(tuple(Level(height, boundary, STAKE) for height, boundary in levels), TERMS)


def _histories(table: Table, witness: Witness, end: State) -> list[History]:
    """One for each level, from the finest up: each step that is disagreed on is refined by the
    next."""
    pre, post = keccak256(witness.state), verify(witness)
    found: list[History] = []
    for level in reversed(range(len(HEIGHTS))):
        states = {POSITIONS[level]: pre, POSITIONS[level] + 1: post}
        pre, post = noise(32, level), noise(32, -level)
        if level == 1:  # a run of the program, on a word
            word = noise(32, "word")
            pre = table.levels[1].boundary.start(ORIGIN, 0, word)
            post = end.hash()
        if level:
            states |= {0: pre, 1 << HEIGHTS[level]: post}
        else:
            states[0] = ORIGIN
        if level == 1:
            pre, post = word, end.output
        found.insert(0, made_up(HEIGHTS[level], states, level))
    return found


def _play_down(stage: Stage, histories: list[History], witness: Witness, end: State) -> list[Node]:
    """Both parties move down to the step, which is proved. Returns the roots of what is right."""
    terminal: Node | None = None
    roots = []
    for level, history in enumerate(histories):
        position = POSITIONS[level]
        rival = rival_of(history, position, f"rival {level}", keeps_end=level > 0)
        origin = terminal.cohort() if terminal else ORIGIN
        for by, told in ((HONEST, history), (RIVAL, rival)):
            turn = "first" if by == HONEST else "with a rival"
            value = STAKE if by == HONEST else 2 * STAKE
            if terminal is None:
                stage.make(f"open, {turn}", by, Open(origin, told.root()), value)
            else:
                proof = end.pack() if level == 1 else b""
                move = refinement(terminal, histories[level - 1], told, proof)
                kind = "words to VM" if level == 1 else "VM to VM"
                stage.make(f"refine {kind}, {turn}", by, move, value)
            stage.wait(1)
        root, other = (
            level_root(origin, level, told.height, told.state(0), told.root())
            for told in (history, rival)
        )
        roots.append(root)
        terminal = _bisect_down(stage, (root, history), (other, rival), position)
    assert terminal is not None
    step = StepProof(witness, tuple(histories[-1].prove_last(terminal.pos)))
    stage.make("prove", HONEST, Prove(terminal, step))
    return roots


def _bisect_down(
    stage: Stage, right: tuple[Node, History], wrong: tuple[Node, History], position: int
) -> Node:
    """Both bisect until two terminals are left. Returns the one that is right."""
    (node, history), (other, rival) = right, wrong
    while node.depth:
        move, answer = bisection(node, history), bisection(other, rival)
        shared = "left half shared" if move.left == answer.left else "left half another"
        stage.make("bisect, first", HONEST, move)
        stage.make(f"bisect, {shared}", RIVAL, answer)
        stage.wait(1)
        side = position >> node.depth - 1 & 1
        node = node.halves(move.left, move.right)[side]
        other = other.halves(answer.left, answer.right)[side]
    return node


def _settle(stage: Stage, roots: list[Node]) -> None:
    """Bring all timers up to date, decide every contest, pay every bounty."""
    view = stage.view
    places = [entry.node for entry in view.graph.below(roots[0].id())]
    bisected = [node for node in dict.fromkeys(places) if node.id() in view.graph.halves]
    updates = [update(view, node) for node in reversed(bisected)]  # children first
    name = f"update, {len(updates)} nodes at once, each"
    stage.make(name, HONEST, UpdateTimers(tuple(updates)), count=len(updates))
    stage.wait(1)
    stage.make("update, one node", HONEST, UpdateTimers(tuple(updates[:1])))
    for root in reversed(roots):
        stage.make("confirm", HONEST, Confirm(update(view, root)))
    for node in dict.fromkeys(places):
        if node.id() in view.won:
            _claim(stage, node)
    stage.withdraw(HONEST)


def _claim(stage: Stage, node: Node) -> None:
    view = stage.view
    if halves := view.graph.halves.get(node.id()):
        left, right = (view.graph[half].node.span for half in halves)
        stage.make("claimBisection", HONEST, ClaimBisection(node, left, right))
    elif node.id() in view.provers:
        stage.make("claimProof", HONEST, ClaimProof(node))
    for finer in view.graph.refinements.get(node.id(), ()):
        if finer in view.won:
            stage.make("claimRefinement", HONEST, ClaimRefinement(node, view.graph[finer].node))
