"""A run put aside in a file, to be gone on with in another process.

The file holds a packed state and the pages of memory, compressed, and ends in the sha256 of the
rest, which shows a damaged file. It may also come from anywhere: reading it recomputes the root of
memory, so what is loaded is the memory of the state, and the state's hash says which state it is.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path

import zstandard

from fpvm.memory import Memory
from fpvm.merkle import PAGE_SIZE, PAGES
from fpvm.state import STATE_SIZE, State, StateError

MAGIC = b"axonum checkpoint 1\n"
_HEADER_SIZE = len(MAGIC) + STATE_SIZE
_INDEX_SIZE = 4
_RECORD_SIZE = _INDEX_SIZE + PAGE_SIZE
_RECORDS_AT_ONCE = 256
_DIGEST_SIZE = hashlib.sha256().digest_size


class CheckpointError(ValueError):
    """The file is not a checkpoint, or a damaged one."""


def save(path: Path, state: State, memory: Memory) -> None:
    """Write a checkpoint; ``state`` is the state that has ``memory``. Never leaves half a file.

    Raises OSError, naming ``path``, if it cannot be written.
    """
    unfinished = path.parent / f".{path.name}.{secrets.token_hex(8)}"
    digest = hashlib.sha256()
    try:
        try:
            with unfinished.open("xb") as file:
                for piece in _pieces(state, memory):
                    digest.update(piece)
                    file.write(piece)
                file.write(digest.digest())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _pieces(state: State, memory: Memory) -> Iterator[bytes]:
    """The file but for its digest: magic, state, and one zstd frame of (index, page), sorted."""
    yield MAGIC + state.pack()
    compressor = zstandard.ZstdCompressor(level=1, threads=-1).compressobj()
    for index, page in memory.pages():
        yield compressor.compress(index.to_bytes(_INDEX_SIZE, "big") + page)
    yield compressor.flush()


def load(path: Path) -> tuple[State, Memory]:
    """The state and the memory in a checkpoint.

    Raises :class:`CheckpointError` if the file is not a checkpoint, or its memory not its state's;
    OSError if it cannot be read.
    """
    return loads(path.read_bytes(), path)


def loads(data: bytes, path: Path) -> tuple[State, Memory]:
    """The state and the memory in the bytes of a checkpoint, which come from ``path``.

    Raises :class:`CheckpointError` as :func:`load` does.
    """
    if not data.startswith(MAGIC):
        raise CheckpointError(f"{path}: not a checkpoint")
    content, digest = memoryview(data)[:-_DIGEST_SIZE], data[-_DIGEST_SIZE:]
    if len(content) < _HEADER_SIZE or hashlib.sha256(content).digest() != digest:
        raise CheckpointError(f"{path}: damaged or cut off: the checksum is wrong")
    memory = Memory()
    try:
        state = State.unpack(bytes(content[len(MAGIC) : _HEADER_SIZE]))
        for index, page in _pages(content[_HEADER_SIZE:]):
            memory.write(index * PAGE_SIZE, page)
    except (StateError, CheckpointError, zstandard.ZstdError) as error:
        raise CheckpointError(f"{path}: {error}") from None
    if memory.root() != state.mem_root:
        raise CheckpointError(f"{path}: the memory in it is not the memory of its state")
    return state, memory


def _pages(compressed: memoryview) -> Iterator[tuple[int, bytes]]:
    """The pages, a few at a time: a small file may decompress to more than there is memory. Their
    numbers grow, so there is an end to them."""
    last = -1
    with zstandard.ZstdDecompressor().stream_reader(compressed) as reader:
        while records := reader.read(_RECORDS_AT_ONCE * _RECORD_SIZE):
            if len(records) % _RECORD_SIZE:
                raise CheckpointError("it ends within a page")
            for at in range(0, len(records), _RECORD_SIZE):
                index = int.from_bytes(records[at : at + _INDEX_SIZE], "big")
                if not last < index < PAGES:
                    raise CheckpointError("page numbers out of order or out of range")
                yield index, records[at + _INDEX_SIZE : at + _RECORD_SIZE]
                last = index
