"""A run put aside in a file, to be gone on with in another process.

The file holds a packed state and the pages of memory, compressed. It may come from anywhere:
reading it recomputes the root of memory, so what is loaded is the memory of the state, and the
state's hash says which state it is.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import zstandard

from fpvm.memory import Memory
from fpvm.merkle import PAGE_SIZE, PAGES
from fpvm.state import STATE_SIZE, State, StateError

MAGIC = b"axonum checkpoint 1\n"
_COUNT_SIZE = 4
_INDEX_SIZE = 4


class CheckpointError(ValueError):
    """The file is not a checkpoint, or a damaged one."""


def save(path: Path, state: State, memory: Memory) -> None:
    """Write a checkpoint; ``state`` is the state that has ``memory``. Never leaves half a file."""
    pages = list(memory.pages())
    content = np.array([index for index, _ in pages], ">u4").tobytes()
    content += b"".join(page for _, page in pages)
    compressed = zstandard.ZstdCompressor(level=1, threads=-1).compress(content)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(MAGIC + state.pack() + len(pages).to_bytes(_COUNT_SIZE, "big") + compressed)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load(path: Path) -> tuple[State, Memory]:
    """The state and the memory in a checkpoint.

    Raises :class:`CheckpointError` if the file is not a checkpoint, or its memory not its state's;
    OSError if it cannot be read.
    """
    data = path.read_bytes()
    header = len(MAGIC) + STATE_SIZE + _COUNT_SIZE
    if not data.startswith(MAGIC) or len(data) < header:
        raise CheckpointError(f"{path}: not a checkpoint")
    try:
        state = State.unpack(data[len(MAGIC) : header - _COUNT_SIZE])
    except StateError as error:
        raise CheckpointError(f"{path}: {error}") from None
    count = int.from_bytes(data[header - _COUNT_SIZE : header], "big")
    indices, pages = _pages(path, data[header:], count)
    memory = Memory()
    for i, index in enumerate(indices):
        memory.write(index * PAGE_SIZE, pages[i * PAGE_SIZE : (i + 1) * PAGE_SIZE])
    if memory.root() != state.mem_root:
        raise CheckpointError(f"{path}: the memory in it is not the memory of its state")
    return state, memory


def _pages(path: Path, compressed: bytes, count: int) -> tuple[list[int], bytes]:
    if count > PAGES:
        raise CheckpointError(f"{path}: {count} pages, the address space has {PAGES}")
    size = count * (_INDEX_SIZE + PAGE_SIZE)
    try:
        with zstandard.ZstdDecompressor().stream_reader(compressed) as reader:
            # Not reader.read(): a small file can decompress to more than there is memory.
            data = reader.read(size + 1)
    except zstandard.ZstdError as error:
        raise CheckpointError(f"{path}: {error}") from None
    if len(data) != size:
        raise CheckpointError(f"{path}: it does not hold the {count} pages that it says it does")
    indices = np.frombuffer(data, ">u4", count).tolist()
    if any(index >= PAGES for index in indices) or indices != sorted(set(indices)):
        raise CheckpointError(f"{path}: page numbers out of order or out of range")
    return indices, data[count * _INDEX_SIZE :]
