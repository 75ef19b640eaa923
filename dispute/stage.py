"""The model with the contract beside it, in an EVM of our own: for simulations that tell the gas.

It has the functions of :class:`dispute.protocol.Dispute`, so whatever plays on the model plays
here. A move is made in the model, and if that does not refuse it, it is sent to the contract, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from contracts.chain import Receipt, Reverted
from contracts.clients import Step
from contracts.evm import PyEvm
from dispute.client import DisputeContract
from dispute.graph import Node
from dispute.protocol import Dispute, Judge, Refinement, StepProof, Update
from dispute.table import Table

#: The number of the block in which a model's time begins: no contract is in block 0.
FIRST_BLOCK = 1_000
#: Who sends what the model does not say the sender of.
ANYBODY = b"\x77" * 20


class Diverged(Exception):
    """The contract refused what the model takes. One line."""


class Stage(Dispute):
    """``gas`` and ``transactions``: by who sent them."""

    def __init__(self, table: Table, judge: Judge) -> None:
        self._chain: PyEvm | None = None
        super().__init__(table, judge)
        self._chain = PyEvm()
        self._chain.block = FIRST_BLOCK
        self._contract = DisputeContract.deploy(self._chain, table, Step.deploy(self._chain))
        self.gas: Counter[bytes] = Counter()
        self.transactions: Counter[bytes] = Counter()
        #: Whoever makes the next move of those that do not say who makes them.
        self.mover = ANYBODY

    @property
    def now(self) -> int:
        return self._now

    @now.setter
    def now(self, block: int) -> None:
        self._now = block
        if self._chain is not None:
            self._chain.block = FIRST_BLOCK + block

    def copy(self) -> Dispute:  # type: ignore[override]
        """What is there, as a model."""
        model = Dispute(self.table, self.judge)
        model.now, model.balance = self.now, self.balance
        model.graph = self.graph.copy()
        model.contests = self.contests.copy()
        model.won, model.paid = self.won.copy(), self.paid.copy()
        model.provers, model.credits = self.provers.copy(), self.credits.copy()
        return model

    # --- Moves ---

    def open(self, by: bytes, origin: bytes, span: bytes, value: int = 0) -> bytes:
        root = super().open(by, origin, span, value)  # which deposits the value
        self._send(by, "open", origin, span)
        return root

    def bisect(self, by: bytes, node: Node, left: bytes, right: bytes) -> None:
        super().bisect(by, node, left, right)
        self._send(by, "bisect", node, left, right)

    def refine(self, by: bytes, terminal: Node, finer: Refinement, value: int = 0) -> bytes:
        root = super().refine(by, terminal, finer, value)
        self._send(by, "refine", terminal, finer)
        return root

    def prove(self, by: bytes, terminal: Node, step: StepProof) -> None:
        super().prove(by, terminal, step)
        self._send(by, "prove", terminal, step)

    def update(self, updates: Iterable[Update]) -> None:
        given = tuple(updates)
        super().update(given)
        self._send(self.mover, "update", given)

    def confirm(self, by: bytes, root: Update) -> None:
        super().confirm(by, root)
        self._send(by, "confirm", root)

    def claim_bisection(self, node: Node, left: bytes, right: bytes) -> None:
        super().claim_bisection(node, left, right)
        self._send(self.mover, "claim_bisection", node, left, right)

    def claim_refinement(self, terminal: Node, root: Node) -> None:
        super().claim_refinement(terminal, root)
        self._send(self.mover, "claim_refinement", terminal, root)

    def claim_proof(self, terminal: Node) -> None:
        super().claim_proof(terminal)
        self._send(self.mover, "claim_proof", terminal)

    def deposit(self, by: bytes, value: int) -> None:
        super().deposit(by, value)
        if value:
            self._send(by, "deposit", value)

    def withdraw(self, by: bytes) -> int:
        amount = super().withdraw(by)
        self._send(by, "withdraw", by)
        return amount

    def _send(self, by: bytes, function: str, *arguments: Any) -> None:
        if self._chain is None:
            return
        self._chain.sender = by
        try:
            receipt: Receipt = getattr(self._contract, function)(*arguments)
        except Reverted as refusal:
            raise Diverged(f"{function} is taken by the model; the contract: {refusal}") from None
        self.gas[by] += receipt.gas_used
        self.transactions[by] += 1
