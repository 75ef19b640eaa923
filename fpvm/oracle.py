"""Preimages: their keys, their verification, and where the engines get them from.

A program names data by hash. The *key* of a preimage is a type byte followed by the last 31 bytes
of its digest, so whoever serves a preimage cannot lie about it: :class:`Oracle` checks every one.
A preimage that is missing or corrupt stops the host with an error that names the key; the state of
the run is untouched, and the run goes on once the preimage is there.

Source: docs/vm.md, "Preimages"; the key types are those of the OP stack's specification.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

from fpvm.isa import KECCAK_TYPE, SHA256_TYPE
from fpvm.keccak import keccak256

#: The longest preimage, in bytes: what L1 hashes in one transaction.
MAX_PREIMAGE = 32 * 1024
#: Bytes of a key.
KEY_SIZE = 32
#: Preimages that an oracle keeps at hand: at most 32 MiB of them.
CACHED_PREIMAGES = 1024


class OracleError(Exception):
    """A preimage could not be had. The run that asked keeps its state and can be resumed.

    ``key`` is the key asked for (empty where the failure concerns none), ``source`` the name of the
    source that was asked, ``reason`` what was wrong.
    """

    why = "cannot be had"

    def __init__(self, key: bytes, source: object = "the source", reason: str = "") -> None:
        self.key, self.source, self.reason = bytes(key), str(source), reason or self.why
        # All three go to Exception, so that the error survives pickling between processes.
        super().__init__(self.key, self.source, self.reason)

    def __str__(self) -> str:
        subject = f"preimage 0x{self.key.hex()}" if self.key else "preimages"
        return f"{subject} from {self.source}: {self.reason}"


class PreimageMissing(OracleError):
    """The source does not have the preimage."""

    why = "missing"


class PreimageCorrupt(OracleError):
    """What the source has under this key is not the key's preimage."""

    why = "corrupt: it does not hash to its key"


class PreimageTooLarge(OracleError):
    """What the source has under this key is longer than :data:`MAX_PREIMAGE`."""

    why = f"larger than {MAX_PREIMAGE} bytes"


class SourceFailed(OracleError):
    """The source itself is out of order: a dead server, an unreadable folder, a broken database."""

    why = "the source failed"


class Source(Protocol):
    """Where preimages come from. A source need not be trusted: :class:`Oracle` verifies."""

    def get(self, key: bytes) -> bytes:
        """The preimage of ``key``.

        :raises PreimageMissing: the source does not have it.
        :raises OracleError: the source failed, or knows that what it has is bad.
        """

    def hint(self, hint: bytes) -> None:
        """Take note of what a program says that it is about to ask for. It has no other effect."""


def _key(kind: int, digest: bytes) -> bytes:
    return bytes([kind]) + digest[1:]


def keccak_key(preimage: bytes) -> bytes:
    """The 32-byte key of ``preimage`` under keccak256."""
    return _key(KECCAK_TYPE, keccak256(preimage))


def sha256_key(preimage: bytes) -> bytes:
    """The 32-byte key of ``preimage`` under sha256."""
    return _key(SHA256_TYPE, hashlib.sha256(preimage).digest())


_KEY_OF: dict[int, Callable[[bytes], bytes]] = {KECCAK_TYPE: keccak_key, SHA256_TYPE: sha256_key}


def known_type(key: bytes) -> bool:
    """Whether ``key`` is of a type that has preimages. ORACLE_READ answers the others 0, 0."""
    return len(key) == KEY_SIZE and key[0] in _KEY_OF


def verify(key: bytes, preimage: bytes, source: object = "the source") -> None:
    """Check that ``preimage`` belongs to ``key``; ``source`` is who to blame.

    :raises PreimageTooLarge: it is longer than :data:`MAX_PREIMAGE`.
    :raises PreimageCorrupt: it does not hash to the key, or no preimage has a key of this form.
    """
    if len(preimage) > MAX_PREIMAGE:
        raise PreimageTooLarge(key, source)
    if not known_type(key):
        raise PreimageCorrupt(key, source, "no preimage has a key of this form")
    if _KEY_OF[key[0]](preimage) != key:
        raise PreimageCorrupt(key, source)


class Oracle:
    """A source whose every answer has been verified; the last ones asked for are kept at hand.

    Only answers are kept, never failures: a preimage that arrives late is found at the next try.
    """

    def __init__(self, source: Source, cached: int = CACHED_PREIMAGES) -> None:
        self._source = source
        self._cached = lru_cache(maxsize=cached)(self._fetch)

    def __str__(self) -> str:
        return str(self._source)

    def get(self, key: bytes) -> bytes:
        """The preimage of ``key``, verified.

        :raises OracleError: see :class:`Source` and :func:`verify`.
        """
        return self._cached(bytes(key))

    def hint(self, hint: bytes) -> None:
        """Pass ``hint`` to the source."""
        self._source.hint(hint)

    def _fetch(self, key: bytes) -> bytes:
        if not known_type(key):
            raise PreimageMissing(key, self._source, "no preimage has a key of this form")
        preimage = bytes(self._source.get(key))
        verify(key, preimage, self._source)
        return preimage
