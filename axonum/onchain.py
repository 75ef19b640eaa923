"""What the commands about disputes need of L1: a node, a key, the contract, what it has logged."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

# With it, disputes about inferences are known, too.
import mlvm.client  # noqa: F401
from axonum.output import parse_hex
from axonum.session import UsageError, explain
from contracts.artifacts import ArtifactError
from contracts.chain import Reverted
from contracts.clients import WrongContract
from contracts.l1 import L1, L1Error
from dispute.client import DisputeContract
from dispute.discovery import discover
from dispute.events import Event, EventError, Replica, decode
from dispute.histories import HistoryError
from dispute.lineage import NoSuchNode
from dispute.parties import PartyError
from dispute.table import TermsError
from dispute.watch import RANGE, Watcher, WatchError

#: Where a key may be, instead of in a file.
KEY_VARIABLE = "AXONUM_KEY"
#: A key is a number below this: the order of secp256k1.
_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
_MAX_KEY_FILE = 1024
_WEI = 10**18


@contextmanager
def explained() -> Iterator[None]:
    """Whatever a node, a contract or a user can cause ends in one line and exit code 2."""
    try:
        yield
    except (
        *(L1Error, WatchError, WrongContract, Reverted, EventError, ArtifactError),
        *(HistoryError, NoSuchNode, PartyError, TermsError),
    ) as error:
        raise UsageError(str(error)) from None


# --- Arguments ------------------------------------------------------------------------------------


def address(option: str, text: str) -> bytes:
    found = parse_hex(option, text, 20)
    if len(text.removeprefix("0x")) != 40:
        raise UsageError(f"{option} {text[:80]!r} is not an address of 20 bytes")
    return found


def wei(option: str, text: str) -> int:
    """An amount in ETH, as wei."""
    try:
        amount = Decimal(text) * _WEI
    except ArithmeticError:  # InvalidOperation for what is no number, Overflow for too large a one
        raise UsageError(f"{option} {text[:80]!r} is no amount of ETH") from None
    if not amount.is_finite() or not 0 <= amount < 1 << 88 or amount != int(amount):
        raise UsageError(f"{option} {text[:80]!r} is no amount of ETH")
    return int(amount)


def key(path: Path | None) -> str:
    """A private key: from a file, or from the environment. It is never shown."""
    if path is not None:
        try:
            with path.open("rb") as file:
                text = file.read(_MAX_KEY_FILE).decode("ascii", "replace").strip()
        except OSError as error:
            raise UsageError(explain(error)) from None
        source = str(path)
    else:
        text, source = os.environ.get(KEY_VARIABLE, "").strip(), KEY_VARIABLE
        if not text:
            raise UsageError(f"this takes a private key: --key-file, or {KEY_VARIABLE}")
    digits = text.removeprefix("0x")
    if len(digits) != 64 or not digits.isascii() or not digits.isalnum():
        raise UsageError(f"{source}: holds no private key, which is 64 hexadecimal digits")
    try:
        value = int(digits, 16)
    except ValueError:
        value = 0
    if not 0 < value < _ORDER:
        raise UsageError(f"{source}: holds no private key of secp256k1")
    return f"0x{digits}"


# --- The contract ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A dispute contract on L1, whose log begins no earlier than in block ``first``."""

    l1: L1
    contract: DisputeContract
    first: int

    def watcher(self) -> Watcher:
        return Watcher(self.l1, self.contract, self.first)

    def view(self) -> Replica:
        """The dispute after the newest block."""
        return self.watcher().follow()

    def events(self, first: int, last: int) -> list[tuple[int, Event]]:
        """What the contract has logged in the blocks from ``first`` to ``last``, each with its
        block."""
        found: list[tuple[int, Event]] = []
        for start in range(first, last + 1, RANGE):
            end = min(start + RANGE - 1, last)
            entries = self.l1.logs(self.contract.address, start, end)
            found += [(entry.block, decode(entry.log)) for entry in entries]
        return found


def reach(url: str, contract: str, first: int, secret: str | None = None) -> Place:
    """The contract at an address. Without a key nothing can be sent, but everything read."""
    where = address("--contract", contract)
    # Whoever reads needs no account; but a node is asked in the name of one.
    l1 = L1.connect(url, secret or f"0x{secrets.token_hex(32)}")
    return Place(l1, discover(l1, where), first)
