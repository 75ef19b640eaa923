"""The model and the contract in lockstep: every move is made in both, and must come to the same.

A :class:`Lockstep` has the functions of :class:`dispute.protocol.Dispute`, so whatever plays on the
model plays on both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from contracts.chain import Receipt, Reverted
from contracts.clients import Step
from contracts.evm import PyEvm, Revm
from dispute.client import DisputeContract
from dispute.events import Event, Replica, decode
from dispute.graph import Node
from dispute.moves import Move
from dispute.protocol import ZERO_WORD, Dispute, Refinement, Refused, StepProof, Update
from tests.dispute.worlds import World

#: The number of the block in which a model's time begins: no contract is in block 0.
FIRST_BLOCK = 1_000
#: What the judge and the boundaries refuse is told with more names on L1 than in the model.
_SAME = {
    "NoState": {"WrongStateLength", "WrongExited", "WrongRegisterZero"},
    "NoWitness": {
        *("WrongStateLength", "WrongExited", "WrongRegisterZero", "NotCanonical"),
        *("WrongProofLength", "LeafNotInMemory", "PreimageNotLoaded"),
    },
}
#: All that is stored is compared in every so manieth move; what a move is about, in every one.
THOROUGH = 32


class Lockstep:
    """A model, and the contract that it is the model of, in an EVM of our own.

    ``receipts``: of the moves that were made. A preimage that a witness has is loaded by its
    transaction, and is then there for others, of which the model knows nothing.
    """

    def __init__(
        self, world: World, chain: Revm | PyEvm | None = None, thorough: int = THOROUGH
    ) -> None:
        self.world = world
        self.model = world.model()
        self.chain = chain or Revm()
        self.chain.block = FIRST_BLOCK
        self.contract = DisputeContract.deploy(self.chain, world.table, Step.deploy(self.chain))
        self.replica = Replica(world.table, world.judge)
        self.receipts: list[Receipt] = []
        self.events: list[Event] = []
        self._thorough = thorough
        self._moves = 0

    def __getattr__(self, name: str) -> Any:
        """All that can be seen of the model: graph, contests, won, paid, provers, credits …"""
        if name.startswith("_") or name == "model":
            raise AttributeError(name)
        return getattr(self.model, name)

    @property
    def now(self) -> int:
        return self.model.now

    @now.setter
    def now(self, block: int) -> None:
        self.model.now = block
        self.chain.block = FIRST_BLOCK + block

    def copy(self) -> Dispute:
        """What is there, as a model."""
        return self.model.copy()

    # --- Moves ---

    def open(self, by: bytes, origin: bytes, span: bytes, value: int = 0) -> bytes:
        return self._both(
            by,
            lambda: self.model.open(by, origin, span, value),
            lambda: self.contract.open(origin, span, value),
        )

    def bisect(self, by: bytes, node: Node, left: bytes, right: bytes) -> None:
        self._both(
            by,
            lambda: self.model.bisect(by, node, left, right),
            lambda: self.contract.bisect(node, left, right),
            node,
        )

    def refine(self, by: bytes, terminal: Node, finer: Refinement, value: int = 0) -> bytes:
        return self._both(
            by,
            lambda: self.model.refine(by, terminal, finer, value),
            lambda: self.contract.refine(terminal, finer, value),
            terminal,
        )

    def prove(self, by: bytes, terminal: Node, step: StepProof) -> None:
        self._both(
            by,
            lambda: self.model.prove(by, terminal, step),
            lambda: self.contract.prove(terminal, step),
            terminal,
        )

    def update(self, updates: Iterable[Update], by: bytes = b"\x77" * 20) -> None:
        given = tuple(updates)
        self._both(
            by,
            lambda: self.model.update(given),
            lambda: self.contract.update(given),
            *(each.node for each in given),
        )

    def confirm(self, by: bytes, root: Update) -> None:
        self._both(
            by,
            lambda: self.model.confirm(by, root),
            lambda: self.contract.confirm(root),
            root.node,
        )

    def claim_bisection(
        self, node: Node, left: bytes, right: bytes, by: bytes = b"\x77" * 20
    ) -> None:
        self._both(
            by,
            lambda: self.model.claim_bisection(node, left, right),
            lambda: self.contract.claim_bisection(node, left, right),
            node,
        )

    def claim_refinement(self, terminal: Node, root: Node, by: bytes = b"\x77" * 20) -> None:
        self._both(
            by,
            lambda: self.model.claim_refinement(terminal, root),
            lambda: self.contract.claim_refinement(terminal, root),
            terminal,
            root,
        )

    def claim_proof(self, terminal: Node, by: bytes = b"\x77" * 20) -> None:
        self._both(
            by,
            lambda: self.model.claim_proof(terminal),
            lambda: self.contract.claim_proof(terminal),
            terminal,
        )

    def sweep(self, origin: bytes, level: int, by: bytes = b"\x77" * 20) -> None:
        self._both(
            by,
            lambda: self.model.sweep(origin, level),
            lambda: self.contract.sweep(origin, level),
        )

    def deposit(self, by: bytes, value: int) -> None:
        self._both(
            by,
            lambda: self.model.deposit(by, value),
            lambda: self.contract.deposit(value),
        )

    def withdraw(self, by: bytes) -> int:
        before = self.chain.balance(by)
        amount: int = self._both(
            by,
            lambda: self.model.withdraw(by),
            lambda: self.contract.withdraw(by),
        )
        assert self.chain.balance(by) == before + amount
        return amount

    def multicall(self, by: bytes, moves: Sequence[Move]) -> None:
        """All of the moves, or none."""

        def make() -> None:
            after = self.model.copy()
            for move in moves:
                move.make(after, by, 0)
            self.model = after

        self._both(by, make, lambda: self.contract.multicall(moves))

    # --- Both ---

    def _both(
        self,
        by: bytes,
        make: Callable[[], Any],
        send: Callable[[], Receipt],
        *nodes: Node,
    ) -> Any:
        """Make a move in the model and on the contract; ``nodes`` are what it is about."""
        self.chain.sender = by
        known = len(self.model.graph.entries)
        try:
            result = make()
        except Refused as refusal:
            self._check_refused(send, refusal)
            raise
        receipt = send()
        self.receipts.append(receipt)
        events = [decode(log) for log in receipt.logs if log.address == self.contract.address]
        self.events += events
        for event in events:
            self.replica.apply(event, self.now)
        self._moves += 1
        if self._moves % self._thorough == 0:
            self.check_all()
        else:
            new = list(self.model.graph.entries)[known:]
            told = [event.id for event in events if hasattr(event, "id")]
            self._check_nodes({*new, *told, *(node.id() for node in nodes)})
            self._check_money({by, self.table.terms.sink})
        return result

    def _check_refused(self, send: Callable[[], Receipt], refusal: Refused) -> None:
        with pytest.raises(Reverted) as caught:
            send()
        found = caught.value
        if refusal.error in _SAME:
            assert found.error in _SAME[refusal.error] or found.reason
        else:
            assert (found.error, found.arguments) == (refusal.error, refusal.arguments)

    def check_all(self) -> None:
        """All that is stored, and all that the log tells, is what the model has."""
        self._check_nodes(self.model.graph.entries)
        self._check_money(self.model.credits)
        for (origin, level), contest in self.model.contests.items():
            found = self.contract.contest(origin, level)
            assert found is not None
            assert (found.winner, found.reserve) == (contest.winner, contest.reserve)
            assert found.decided == contest.decided + FIRST_BLOCK
        self._check_replica()

    def _check_nodes(self, node_ids: Iterable[bytes]) -> None:
        graph = self.model.graph
        for node_id in node_ids:
            entry, record = graph[node_id], self.contract.record(node_id)
            assert record.created == entry.created + FIRST_BLOCK
            assert record.timer == entry.timer
            assert record.mover == entry.mover
            assert record.is_won == (node_id in self.model.won)
            assert record.is_paid == (node_id in self.model.paid)
            assert self.contract.root(node_id) == (entry.claim or ZERO_WORD, entry.rank)
            assert self.contract.prover(node_id) == self.model.provers.get(node_id)
            cohort = graph.cohorts[entry.cohort]
            rivalled, count = self.contract.cohort(entry.cohort)
            assert rivalled == (0 if cohort.rivalled is None else cohort.rivalled + FIRST_BLOCK)
            assert count == (0 if is_right_half(entry.node) else cohort.count)

    def _check_money(self, accounts: Iterable[bytes]) -> None:
        for account in accounts:
            assert self.contract.credit(account) == self.model.credits.get(account, 0)
        assert self.chain.balance(self.contract.address) == self.model.balance
        assert self.model.balance == liabilities(self.model)

    def _check_replica(self) -> None:
        model, replica = self.model, self.replica
        assert replica.graph.entries == model.graph.entries
        assert replica.graph.cohorts == model.graph.cohorts
        assert replica.graph.halves == model.graph.halves
        assert replica.graph.refinements == model.graph.refinements
        assert replica.contests == model.contests
        assert (replica.won, replica.paid) == (model.won, model.paid)
        assert replica.provers == model.provers
        assert replica.balance == model.balance
        assert _owed(replica) == _owed(model)


def is_right_half(node: Node) -> bool:
    return bool(node.pos >> node.depth & 1)


def liabilities(dispute: Dispute) -> int:
    """What the contract owes: to accounts, to those whose contests are open, for bounties."""
    stakes = sum(
        dispute.table.stake(entry.node.level, entry.rank - 1)
        for entry in dispute.graph.entries.values()
        if entry.rank and (entry.node.origin, entry.node.level) not in dispute.contests
    )
    reserves = sum(contest.reserve for contest in dispute.contests.values())
    return stakes + reserves + sum(dispute.credits.values())


def _owed(dispute: Dispute) -> dict[bytes, int]:
    return {account: amount for account, amount in dispute.credits.items() if amount}
