"""Keccak-256 of one message. Of many tree nodes at once: :mod:`fpvm.keccak_batch`."""

from __future__ import annotations

import sha3


def keccak256(data: bytes | bytearray | memoryview) -> bytes:
    """Keccak-256 of ``data``, 32 bytes: with the original padding, as Ethereum uses it."""
    return bytes(sha3.keccak_256(data).digest())
