"""Guest memory: 32-bit, sparse, with an incrementally kept Merkle root.

Pages live in *frames* of one large buffer, allocated densely in the order of first use. The fast
engine maps that buffer into Unicorn and shares the page table and the list of dirty pages with its
compiled callbacks, so both engines work on the very same bytes.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fpvm.merkle import (
    DEPTH,
    LEAF_SIZE,
    PAGE_DEPTH,
    PAGE_SIZE,
    PAGES,
    ZERO_ROOTS,
    LeafProof,
)
from fpvm.rehash import HASHED, NODES_PER_PAGE, ZERO_NODES, rehash_pages, rehash_upper

#: Flags of a page. DIRTY: on the list of dirty pages, its nodes are stale. CODE: the fast engine
#: may hold translations of it, and must be told before it is written. SAVED: its content at the
#: last :meth:`Memory.mark` has been put aside.
DIRTY, CODE, SAVED = 1, 2, 4

# The arena, one buffer for all that compiled callbacks need: control words, then by page the flags,
# the page table, the lists of dirty and of saved pages; then the frames, and the saved frames.
CONTROL_AT = 0
FLAGS_AT = 1 << 20
TABLE_AT = 4 << 20
DIRTY_AT = 8 << 20
SAVED_AT = 12 << 20
RAM_AT = 16 << 20
UNDO_AT = RAM_AT + (1 << 32)
ARENA_SIZE = UNDO_AT + (1 << 32)

#: Control words (64-bit) that memory owns; the fast engine uses those from FIRST_FREE_CONTROL on.
FRAMES_USED, DIRTY_COUNT, SAVED_COUNT, UNDOABLE, FIRST_FREE_CONTROL = 0, 1, 2, 3, 8

_MAP_NORESERVE = 0x4000
_PAGES_PER_TASK = 256


def _reserve(size: int) -> mmap.mmap:
    """Zeroed address space; the operating system provides a page when it is first written."""
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="merkle")


class Memory:
    """The memory of one machine. Addresses are taken modulo 2^32."""

    def __init__(self, pages: Mapping[int, bytes] | None = None) -> None:
        """``pages``: page index (address >> 12) to its 4096 bytes; all else is zero."""
        self._arena = _reserve(ARENA_SIZE)
        self.arena: NDArray[np.uint8] = np.frombuffer(self._arena, np.uint8)
        self.control = self._view(CONTROL_AT, FLAGS_AT - CONTROL_AT, np.dtype(np.int64))
        self.flags = self._view(FLAGS_AT, PAGES, np.dtype(np.uint8))
        #: For every page the number of its frame plus one; 0 if it has none and reads as zero.
        self.table = self._view(TABLE_AT, 4 * PAGES, np.dtype(np.int32))
        self._dirty = self._view(DIRTY_AT, 4 * PAGES, np.dtype(np.int32))
        self._saved = self._view(SAVED_AT, 4 * PAGES, np.dtype(np.int32))
        self.ram = self.arena[RAM_AT:UNDO_AT]
        self._undo = self.arena[UNDO_AT:]
        self._words = self.ram.view(np.uint64)
        self._nodes = np.frombuffer(_reserve(PAGES * NODES_PER_PAGE * LEAF_SIZE), np.uint64)
        self._shadow = np.frombuffer(_reserve(PAGES * PAGE_SIZE), np.uint64)
        self._upper = np.frombuffer(_reserve(2 * PAGES * LEAF_SIZE), np.uint64)
        self._states = np.frombuffer(_reserve(PAGES), np.uint8)
        self._root: bytes = ZERO_ROOTS[DEPTH]
        #: Grows whenever pages stop being dirty or saved: the fast engine must then see their
        #: writes again.
        self.epoch = 0
        #: CODE pages that were written from here; the fast engine must drop its translations.
        self.stale_code: list[int] = []
        for index, content in (pages or {}).items():
            self.write(index * PAGE_SIZE, content)

    def _view(self, start: int, size: int, dtype: np.dtype) -> NDArray:  # type: ignore[type-arg]
        return self.arena[start : start + size].view(dtype)

    # --- Reading and writing ---

    def read_leaf(self, address: int) -> bytes:
        """The 32 bytes at ``address``, a multiple of 32."""
        frame = int(self.table[address >> 12])
        if not frame:
            return ZERO_ROOTS[0]
        start = RAM_AT - PAGE_SIZE + frame * PAGE_SIZE + (address & 0xFFF)
        return self._arena[start : start + LEAF_SIZE]

    def write_leaf(self, address: int, leaf: bytes) -> None:
        """Replace the 32 bytes at ``address``, a multiple of 32."""
        start = RAM_AT + self._writable(address >> 12) * PAGE_SIZE + (address & 0xFFF)
        self._arena[start : start + LEAF_SIZE] = leaf

    def read(self, address: int, size: int) -> bytes:
        """``size`` bytes from ``address`` on."""
        parts = []
        while size:
            address &= 0xFFFFFFFF
            chunk = min(size, PAGE_SIZE - (address & 0xFFF))
            frame = int(self.table[address >> 12])
            start = RAM_AT - PAGE_SIZE + frame * PAGE_SIZE + (address & 0xFFF)
            parts.append(self._arena[start : start + chunk] if frame else bytes(chunk))
            address, size = address + chunk, size - chunk
        return b"".join(parts)

    def write(self, address: int, data: bytes) -> None:
        """``data`` to ``address`` and on."""
        done = 0
        while done < len(data):
            address &= 0xFFFFFFFF
            chunk = min(len(data) - done, PAGE_SIZE - (address & 0xFFF))
            start = RAM_AT + self._writable(address >> 12) * PAGE_SIZE + (address & 0xFFF)
            self._arena[start : start + chunk] = data[done : done + chunk]
            address, done = address + chunk, done + chunk

    def _writable(self, page: int) -> int:
        """The frame of ``page``, which is about to be written: allocated, and marked dirty."""
        frame = int(self.table[page])
        if not frame:
            frame = int(self.control[FRAMES_USED]) + 1
            self.control[FRAMES_USED] = frame
            self.table[page] = frame
        flags = int(self.flags[page])
        if flags & CODE:
            self.stale_code.append(page)
        if not flags & DIRTY:
            self._dirty[self.control[DIRTY_COUNT]] = page
            self.control[DIRTY_COUNT] += 1
        if self.control[UNDOABLE] and not flags & SAVED:
            start = (frame - 1) * PAGE_SIZE
            self._undo[start : start + PAGE_SIZE] = self.ram[start : start + PAGE_SIZE]
            self._saved[self.control[SAVED_COUNT]] = page
            self.control[SAVED_COUNT] += 1
            flags |= SAVED
        self.flags[page] = (flags & ~CODE) | DIRTY
        return frame - 1

    # --- Undoing writes ---

    def mark(self) -> None:
        """From here on, keep what is needed to come back here by :meth:`rewind`."""
        count = int(self.control[SAVED_COUNT])
        self.flags[self._saved[:count]] &= ~np.uint8(SAVED)
        self.control[SAVED_COUNT], self.control[UNDOABLE] = 0, 1
        self.epoch += 1

    def rewind(self) -> None:
        """Give memory the content it had at the last :meth:`mark`."""
        for page in self._saved[: self.control[SAVED_COUNT]].tolist():
            frame = self._writable(page)
            start = frame * PAGE_SIZE
            self.ram[start : start + PAGE_SIZE] = self._undo[start : start + PAGE_SIZE]
        self.mark()

    # --- The tree ---

    def dirty_pages(self) -> NDArray[np.int32]:
        """The pages written since the last :meth:`root`, in the order of their first write."""
        return self._dirty[: self.control[DIRTY_COUNT]].copy()

    def root(self) -> bytes:
        """The root of memory now. Rehashes the dirty pages, which are then clean."""
        count = int(self.control[DIRTY_COUNT])
        if count:
            pages = np.sort(self._dirty[:count]).astype(np.int64)
            frames = self.table[pages].astype(np.int64) - 1
            self._rehash(pages, frames)
            self.flags[pages] &= ~np.uint8(DIRTY)
            self.control[DIRTY_COUNT] = 0
            self.epoch += 1
            self._root = self._upper[4:8].tobytes()
        return self._root

    def _rehash(self, pages: NDArray[np.int64], frames: NDArray[np.int64]) -> None:
        tree = (self._states, self._words, self._shadow, self._nodes)
        if frames.size <= _PAGES_PER_TASK:
            rehash_pages(frames, *tree)
        else:
            tasks = np.array_split(frames, -(-frames.size // _PAGES_PER_TASK))
            list(_threads().map(lambda part: rehash_pages(part, *tree), tasks))
        rehash_upper(pages, frames, self._nodes, self._upper, ZERO_NODES)

    def proof(self, address: int) -> LeafProof:
        """The leaf that holds ``address``, and its siblings up to :meth:`root`."""
        self.root()
        address &= 0xFFFFFFE0
        page = address >> 12
        siblings: list[bytes] = []
        leaf_in_page, frame = (address & 0xFFF) // LEAF_SIZE, int(self.table[page]) - 1
        # A page that was read and never written has a frame, but no nodes: it is a zero subtree.
        if frame < 0 or self._states[frame] < HASHED:
            siblings += ZERO_ROOTS[:PAGE_DEPTH]
        else:
            siblings.append(self.read_leaf(address ^ LEAF_SIZE))
            node = (NODES_PER_PAGE + leaf_in_page) // 2
            for _ in range(PAGE_DEPTH - 1):
                siblings.append(self._node(self._nodes, frame * NODES_PER_PAGE + (node ^ 1)))
                node //= 2
        node = PAGES + page
        for height in range(PAGE_DEPTH, DEPTH):
            sibling = self._node(self._upper, node ^ 1)
            siblings.append(sibling if any(sibling) else ZERO_ROOTS[height])
            node //= 2
        return LeafProof(self.read_leaf(address), tuple(siblings))

    @staticmethod
    def _node(heap: NDArray[np.uint64], node: int) -> bytes:
        return heap[4 * node : 4 * node + 4].tobytes()

    # --- Whole memories ---

    def pages(self) -> Iterator[tuple[int, bytes]]:
        """The pages that are not zero, by index: two equal memories give the same pages."""
        for page in np.flatnonzero(self.table):
            content = self.read(int(page) * PAGE_SIZE, PAGE_SIZE)
            if any(content):
                yield int(page), content

    def clone(self) -> Memory:
        """An independent copy; it takes over the tree, and rehashes only what is dirty now."""
        other, frames = Memory(), int(self.control[FRAMES_USED])
        other.control[FRAMES_USED] = frames
        other.control[DIRTY_COUNT] = self.control[DIRTY_COUNT]
        other.flags[:] = self.flags & DIRTY
        other.table[:] = self.table
        other._dirty[:] = self._dirty
        other.ram[: frames * PAGE_SIZE] = self.ram[: frames * PAGE_SIZE]
        hashed = np.flatnonzero(self._states[:frames])
        for mine, its, words in (
            (self._nodes, other._nodes, NODES_PER_PAGE * 4),
            (self._shadow, other._shadow, PAGE_SIZE // 8),
        ):
            its.reshape(-1, words)[hashed] = mine.reshape(-1, words)[hashed]
        mine, its = self._upper.reshape(-1, 4), other._upper.reshape(-1, 4)
        nodes = PAGES + np.flatnonzero(self.table)
        while nodes.size and nodes[0]:
            its[nodes], its[nodes ^ 1] = mine[nodes], mine[nodes ^ 1]
            nodes = np.unique(nodes // 2)
        other._states[:frames] = self._states[:frames]
        other._root = self._root
        return other
