"""What the clients of our contracts need of a chain, and how a contract refuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Reverted(Exception):
    """A contract refused.

    ``error`` is the name of the Solidity error and ``arguments`` what it says; or ``error`` is
    empty and ``reason`` tells what is known.
    """

    def __init__(self, error: str = "", arguments: Sequence[object] = (), reason: str = "") -> None:
        super().__init__(error, tuple(arguments), reason)
        self.error, self.arguments, self.reason = error, tuple(arguments), reason

    def __str__(self) -> str:
        shown = ", ".join(
            f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
            for value in self.arguments
        )
        return f"reverted: {self.error}({shown})" if self.error else f"reverted: {self.reason}"


@dataclass(frozen=True, slots=True)
class Log:
    """What the contract at ``address`` logged: up to four topics, of 32 bytes, and data."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transaction that succeeded: its gas, 21,000 and calldata included, and what was logged."""

    gas_used: int
    logs: tuple[Log, ...]


class Chain(Protocol):
    """An EVM with contracts in it: :mod:`contracts.evm`, or L1 itself, :mod:`contracts.l1`.

    Addresses are 20 bytes. A contract that refuses raises :class:`Reverted`.
    """

    def deploy(self, creation: bytes) -> bytes:
        """Deploy a contract by its creation code. Returns its address."""
        ...

    def call(self, to: bytes, data: bytes) -> bytes:
        """Ask a contract; nothing is stored. Returns its answer."""
        ...

    def send(self, to: bytes, data: bytes, value: int = 0) -> Receipt:
        """Send a contract a transaction, with ``value`` wei."""
        ...

    def code(self, address: bytes) -> bytes:
        """The code at an address; empty if there is no contract."""
        ...
