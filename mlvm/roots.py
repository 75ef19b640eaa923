"""The roots of a byte tree after each of many changes, hashed many at a time.

A change writes a range. What it does to the tree, from its leaves up to the root, depends only on
the nodes below, so all nodes of one level, of all changes, are hashed in one call.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fpvm.keccak_batch import NODE_WORDS, Words
from mlvm.kernels.tree import LEAF_TAG, LEAF_WORDS, NODE_TAG, PAIR_WORDS, hash_messages
from mlvm.trees import LEAF_SIZE, ByteArray, ByteTree

Numbers = NDArray[np.int64]
#: Leaves that are put off.
BATCH = 1 << 12


class Roots:
    """``found``: the root after every change so far, once :meth:`flush` has been called."""

    def __init__(self, data: ByteArray, written: int) -> None:
        """The tree over ``data``, of which only the first ``written`` bytes are not zero."""
        self._data = data
        self._tree = ByteTree(data, written)
        self.found: list[bytes] = [self._tree.root()]
        self._ranges: list[tuple[int, int]] = []
        self._leaves: list[ByteArray] = []
        self._count = 0

    def add(self, start: int, size: int) -> None:
        """Take note of a change of ``size`` bytes of the data, which has just been made."""
        first, last = start // LEAF_SIZE, (start + size - 1) // LEAF_SIZE
        self._ranges.append((first, last))
        self._leaves.append(self._data[first * LEAF_SIZE : (last + 1) * LEAF_SIZE].copy())
        self._count += last - first + 1
        if self._count >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Hash what was put off."""
        if not self._ranges:
            return
        firsts, lasts = (np.array(ends, np.int64) for ends in zip(*self._ranges, strict=True))
        words = np.concatenate(self._leaves).view(np.uint64)
        level = _Level(firsts + self._tree.leaves, lasts + self._tree.leaves)
        level.hash(words, LEAF_WORDS, LEAF_TAG)
        while not level.is_root:
            above = level.above()
            pairs = above.children(level, self._tree.nodes)
            level.store(self._tree.nodes)
            above.hash(pairs, PAIR_WORDS, NODE_TAG)
            level = above
        level.store(self._tree.nodes)
        self.found.extend(root.tobytes() for root in level.hashes)
        self._ranges, self._leaves, self._count = [], [], 0


class _Level:
    """What changes do to the nodes of one level: change i to those from ``firsts`` [i] to ``lasts``
    [i]. One *event* is one node of one change."""

    def __init__(self, firsts: Numbers, lasts: Numbers) -> None:
        self._firsts, self._lasts = firsts, lasts
        counts = lasts - firsts + 1
        self._times = np.repeat(np.arange(len(firsts)), counts)
        begins = np.repeat(np.cumsum(counts) - counts, counts)
        self._nodes = np.repeat(firsts, counts) + np.arange(len(begins)) - begins
        # Events by node, and of one node by time.
        self._order = np.lexsort((self._times, self._nodes))
        self._keys = self._key(self._nodes, self._times)[self._order]
        self.hashes: Words = np.empty((len(begins), NODE_WORDS), np.uint64)

    @property
    def is_root(self) -> bool:
        return bool(self._firsts[0] == 1)

    def _key(self, nodes: Numbers, times: Numbers) -> Numbers:
        key: Numbers = nodes * len(self._firsts) + times
        return key

    def above(self) -> _Level:
        return _Level(self._firsts >> 1, self._lasts >> 1)

    def hash(self, words: Words, size: int, tag: int) -> None:
        """Hash the events' messages, which lie one after the other."""
        numbers = np.arange(len(self.hashes))
        out = self.hashes.reshape(-1)
        hash_messages(words, numbers * size, out, numbers * NODE_WORDS, size, tag)

    def children(self, below: _Level, nodes: Words) -> Words:
        """The hashes of both children of every event, at its time; ``nodes`` has the old ones."""
        pairs = np.empty((len(self.hashes), 2, NODE_WORDS), np.uint64)
        for side in (0, 1):
            below.at(2 * self._nodes + side, self._times, nodes, pairs[:, side])
        return pairs.reshape(-1)

    def at(self, numbers: Numbers, times: Numbers, nodes: Words, out: Words) -> None:
        """The hashes of nodes after certain changes."""
        place = np.searchsorted(self._keys, self._key(numbers, times), side="right") - 1
        event = self._order[np.maximum(place, 0)]
        is_changed = (place >= 0) & (self._nodes[event] == numbers)
        out[:] = nodes[numbers]
        out[is_changed] = self.hashes[event[is_changed]]

    def store(self, nodes: Words) -> None:
        """The hashes after all changes."""
        is_last = np.append(self._nodes[self._order][1:] != self._nodes[self._order][:-1], True)
        last = self._order[is_last]
        nodes[self._nodes[last]] = self.hashes[last]
