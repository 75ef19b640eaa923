"""The OP stack's preimage and hint protocol, both ends, over binary streams.

Two conversations, each over a pair of pipes. *Preimages*: the client writes a 32-byte key; the
server answers with the length, eight bytes, and the preimage. *Hints*: the client writes a length,
four bytes, and the hint; the server answers with one byte when it has taken note. All numbers are
big-endian. A side that is done closes its pipes.

Whatever the peer says is checked before memory is set aside for it. Streams may deliver fewer bytes
than asked for; only the end of a stream ends a conversation.

Source: the OP stack's specification "Fault Proof", pre-image oracle and hinting; the descriptors
are those of its ``op-preimage``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Protocol

from fpvm.oracle import (
    KEY_SIZE,
    MAX_PREIMAGE,
    Oracle,
    OracleError,
    PreimageTooLarge,
    Source,
    known_type,
)

#: Descriptors of a process that speaks the protocol, client or server alike.
HINT_READ, HINT_WRITE, PREIMAGE_READ, PREIMAGE_WRITE = 3, 4, 5, 6
#: The longest hint, in bytes.
MAX_HINT = 1024 * 1024
HINT_PREFIX, PREIMAGE_PREFIX = 4, 8
ACKNOWLEDGEMENT = b"\0"


class ProtocolError(Exception):
    """The peer does not speak the protocol, or fell silent in the middle of a message."""


class Reader(Protocol):
    """A binary stream to read from; ``read`` gives at least a byte, or none at the end."""

    def read(self, size: int, /) -> bytes | None: ...


class Writer(Protocol):
    """A binary stream to write to; ``write`` says how many bytes it took."""

    def write(self, data: bytes, /) -> int | None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


# --- client ---------------------------------------------------------------------------------------


def request_preimage(reader: Reader, writer: Writer, key: bytes, source: object) -> bytes:
    """Ask the server for the preimage of ``key``. It is *not* verified.

    :raises PreimageTooLarge: the server announces more than the limit (``source`` is its name); the
        announced bytes are not read, so the conversation is over.
    :raises ProtocolError: the server ended the conversation.
    """
    _write_all(writer, key)
    length = int.from_bytes(_read_all(reader, PREIMAGE_PREFIX, "the length of a preimage"))
    if length > MAX_PREIMAGE:
        raise PreimageTooLarge(key, source, f"{length} bytes, the limit is {MAX_PREIMAGE}")
    return _read_all(reader, length, "a preimage")


def send_hint(reader: Reader, writer: Writer, hint: bytes) -> None:
    """Give the server a hint and wait until it has taken note.

    :raises ProtocolError: the hint is too long, or the server ended the conversation.
    """
    _check_hint_length(len(hint))
    _write_all(writer, len(hint).to_bytes(HINT_PREFIX) + hint)
    _read_all(reader, len(ACKNOWLEDGEMENT), "the acknowledgement of a hint")


# --- server ---------------------------------------------------------------------------------------


def keys(reader: Reader) -> Iterator[bytes]:
    """The keys that a client asks for, until it closes the stream.

    :raises ProtocolError: the stream ends inside a key.
    """
    while key := _read_all(reader, KEY_SIZE, "a key", end_allowed=True):
        yield key


def send_preimage(writer: Writer, preimage: bytes) -> None:
    """Answer a request."""
    _write_all(writer, len(preimage).to_bytes(PREIMAGE_PREFIX) + preimage)


def hints(reader: Reader) -> Iterator[bytes]:
    """The hints that a client gives, until it closes the stream.

    :raises ProtocolError: a hint is too long, or the stream ends inside one.
    """
    what = "the length of a hint"
    while prefix := _read_all(reader, HINT_PREFIX, what, end_allowed=True):
        length = int.from_bytes(prefix)
        _check_hint_length(length)
        yield _read_all(reader, length, "a hint")


def acknowledge(writer: Writer) -> None:
    """Tell the client that its hint has been noted."""
    _write_all(writer, ACKNOWLEDGEMENT)


def serve(
    source: Source, hint_in: Reader, hint_out: Writer, preimage_in: Reader, preimage_out: Writer
) -> None:
    """Serve one client, a program that runs natively, until it closes its ends. Blocks.

    Preimages are verified. A key of unknown type is answered with length 0, as the VM does. Closes
    the two streams it writes to: a client that cannot be served reads the end of the stream and
    does not wait for ever.

    :raises OracleError: a preimage could not be had.
    :raises ProtocolError: the client does not speak the protocol.
    """
    oracle = Oracle(source)
    failures: list[ProtocolError] = []
    # A daemon: after a failure the client may keep its end of the hints open as long as it likes.
    hinting = threading.Thread(
        target=_serve_hints, args=(oracle, hint_in, hint_out, failures), daemon=True
    )
    hinting.start()
    _until_client_leaves(preimage_out, lambda: _answer(oracle, preimage_in, preimage_out))
    hinting.join()
    if failures:
        raise failures[0]


def _answer(oracle: Oracle, reader: Reader, writer: Writer) -> None:
    for key in keys(reader):
        send_preimage(writer, oracle.get(key) if known_type(key) else b"")


def _serve_hints(
    oracle: Oracle, reader: Reader, writer: Writer, failures: list[ProtocolError]
) -> None:
    def note() -> None:
        for hint in hints(reader):
            # A hint changes nothing by itself: if what it announces stays away, the request for it
            # fails, and says so with a key.
            with suppress(OracleError):
                oracle.hint(hint)
            acknowledge(writer)

    try:
        _until_client_leaves(writer, note)
    except ProtocolError as error:
        failures.append(error)


def _until_client_leaves(writer: Writer, conversation: Callable[[], None]) -> None:
    """Hold a conversation, then close our end of it. A client that dies early has only left."""
    try:
        with suppress(BrokenPipeError):
            conversation()
    finally:
        # Closing flushes, perhaps what the client no longer reads.
        with suppress(BrokenPipeError):
            writer.close()


class HintStream:
    """Cuts the bytes that a program writes to its hint descriptor into hints.

    In the VM they arrive through the WRITE call, in pieces of any size, and nobody answers. A
    program whose framing is lost (a length above :data:`MAX_HINT`) gives no more hints, and that is
    all: hints have no meaning to the machine, so a bad one must not stop the host.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self.broken = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes; return the hints that they complete."""
        complete: list[bytes] = []
        if self.broken:
            return complete
        self._pending += data
        while len(self._pending) >= HINT_PREFIX:
            length = int.from_bytes(self._pending[:HINT_PREFIX])
            if length > MAX_HINT:
                self.broken = True
                self._pending.clear()
                break
            if len(self._pending) < HINT_PREFIX + length:
                break
            complete.append(bytes(self._pending[HINT_PREFIX : HINT_PREFIX + length]))
            del self._pending[: HINT_PREFIX + length]
        return complete


# --- streams --------------------------------------------------------------------------------------


def _check_hint_length(length: int) -> None:
    if length > MAX_HINT:
        raise ProtocolError(f"a hint of {length} bytes, the limit is {MAX_HINT}")


def _read_all(reader: Reader, size: int, what: str, *, end_allowed: bool = False) -> bytes:
    """Read ``size`` bytes; or none, if the stream ends here and ``end_allowed``."""
    data = bytearray()
    while len(data) < size:
        piece = reader.read(size - len(data))
        if not piece:
            if end_allowed and not data:
                return b""
            raise ProtocolError(f"the stream ended after {len(data)} of {size} bytes of {what}")
        data += piece
    return bytes(data)


def _write_all(writer: Writer, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        taken = writer.write(bytes(rest))
        if taken is None:
            raise ProtocolError("the stream does not take what is written to it")
        rest = rest[taken:]
    writer.flush()
