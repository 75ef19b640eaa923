"""Hashes and amounts as people read them."""

from __future__ import annotations

from decimal import Decimal

_WEI = Decimal(10**18)
#: Hexadecimal digits that are enough to tell nodes apart, and to find them by.
_SHORT = 10


def ether(wei: int) -> str:
    """An amount in ETH, without zeros that say nothing: ``1.25``, ``-0.003``."""
    text = f"{Decimal(wei) / _WEI:.9f}".rstrip("0").rstrip(".")
    if wei and not text.strip("-0."):
        return f"{Decimal(wei) / _WEI:.2e}"
    return text


def short(word: bytes) -> str:
    """The beginning of a hash or an address."""
    return f"0x{word.hex()[:_SHORT]}"


def full(word: bytes) -> str:
    return f"0x{word.hex()}"


def plural(count: int, thing: str) -> str:
    """``1 step``, ``2,000 steps``."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
