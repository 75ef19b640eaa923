"""Moves as values: what an agent decides on, and sends to the contract or makes in a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dispute.graph import Node
from dispute.protocol import Dispute, Refinement, StepProof, Update


class Move(Protocol):
    """Something that anybody may do. Equal moves are one move."""

    def make(self, dispute: Dispute, by: bytes, value: int) -> None:
        """Make the move in a model. Raises :class:`dispute.protocol.Refused`."""
        ...

    @property
    def staked_level(self) -> int | None:
        """The level whose stake the move posts, or None if it posts none."""
        ...


class _Free:
    """A move that posts no stake."""

    @property
    def staked_level(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Open:
    origin: bytes
    span: bytes

    @property
    def staked_level(self) -> int:
        return 0

    def make(self, dispute: Dispute, by: bytes, value: int) -> None:
        dispute.open(by, self.origin, self.span, value)


@dataclass(frozen=True, slots=True)
class Bisect(_Free):
    node: Node
    left: bytes
    right: bytes

    def make(self, dispute: Dispute, by: bytes, value: int) -> None:
        dispute.bisect(by, self.node, self.left, self.right)


@dataclass(frozen=True, slots=True)
class Refine:
    terminal: Node
    finer: Refinement

    @property
    def staked_level(self) -> int:
        return self.terminal.level + 1

    def make(self, dispute: Dispute, by: bytes, value: int) -> None:
        dispute.refine(by, self.terminal, self.finer, value)


@dataclass(frozen=True, slots=True)
class Prove(_Free):
    terminal: Node
    step: StepProof

    def make(self, dispute: Dispute, by: bytes, value: int) -> None:
        dispute.prove(by, self.terminal, self.step)


@dataclass(frozen=True, slots=True)
class UpdateTimers(_Free):
    updates: tuple[Update, ...]

    def make(self, dispute: Dispute, by: bytes, value: int) -> None:
        dispute.update(self.updates)


@dataclass(frozen=True, slots=True)
class Confirm(_Free):
    root: Update

    def make(self, dispute: Dispute, by: bytes, value: int) -> None:
        dispute.confirm(by, self.root)


@dataclass(frozen=True, slots=True)
class ClaimBisection(_Free):
    node: Node
    left: bytes
    right: bytes

    def make(self, dispute: Dispute, by: bytes, value: int) -> None:
        dispute.claim_bisection(self.node, self.left, self.right)


@dataclass(frozen=True, slots=True)
class ClaimRefinement(_Free):
    terminal: Node
    root: Node

    def make(self, dispute: Dispute, by: bytes, value: int) -> None:
        dispute.claim_refinement(self.terminal, self.root)


@dataclass(frozen=True, slots=True)
class ClaimProof(_Free):
    terminal: Node

    def make(self, dispute: Dispute, by: bytes, value: int) -> None:
        dispute.claim_proof(self.terminal)
