"""Byte trees: commitments to blob, tasks, arena, inputs and outputs (docs/mlvm.md, "Commitments").

A binary tree over leaves of 1 KiB, padded with zeros to a power of two of them. :class:`ByteTree`
holds all its nodes, so that a range can be changed, and every node and leaf be shown.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from fpvm.keccak import keccak256
from fpvm.keccak_batch import NODE_WORDS
from mlvm.kernels.tree import LEAF_TAG, LEAF_WORDS, NODE_TAG, PAIR_WORDS, hash_messages

#: Bytes of a leaf.
LEAF_SIZE = 1024

ByteArray = NDArray[np.uint8]
Data = bytes | bytearray | memoryview | ByteArray


def leaf(data: bytes) -> bytes:
    """The hash of a leaf. Raises ValueError unless it has 1024 bytes."""
    if len(data) != LEAF_SIZE:
        raise ValueError(f"a leaf has {LEAF_SIZE} bytes, not {len(data)}")
    return keccak256(b"\0" + data)


def node(left: bytes, right: bytes) -> bytes:
    """The hash of a node from those of its two children, 32 bytes each."""
    return keccak256(b"\1" + left + right)


def leaf_count(size: int) -> int:
    """How many leaves the tree of ``size`` bytes has: a power of two."""
    needed = max(1, -(-size // LEAF_SIZE))
    return 1 << (needed - 1).bit_length()


@cache
def zero_root(height: int) -> bytes:
    """The root of 2^height leaves of zeros."""
    if height == 0:
        return leaf(bytes(LEAF_SIZE))
    below = zero_root(height - 1)
    return node(below, below)


def root(data: Data) -> bytes:
    """The root of the byte tree of ``data``."""
    return ByteTree(data).root()


def hash_of_root(size: int, root: bytes) -> bytes:
    """The hash of ``size`` bytes whose byte tree has this root."""
    return keccak256(b"bytes" + size.to_bytes(8, "big") + root)


def hash_of_bytes(data: Data) -> bytes:
    """The hash of bytes, which tells their length too."""
    return hash_of_root(len(data), root(data))


class ByteTree:
    """All nodes of a byte tree.

    They are numbered from 1, the root, on: the children of node i are 2i and 2i + 1. The ``leaves``
    come last: that many of them, from the node of that number on. ``nodes`` has the hashes.
    """

    def __init__(self, data: Data, written: int | None = None) -> None:
        """The tree over ``data``, of which only the first ``written`` bytes are not zero.

        A numpy array of whole leaves is kept, not copied: change it, and then call :meth:`update`.
        """
        self._data = _whole_leaves(data)
        self.leaves = leaf_count(len(data))
        self._height = self.leaves.bit_length() - 1
        self.nodes = np.empty((2 * self.leaves, NODE_WORDS), np.uint64)
        for depth in range(self._height + 1):
            zeros = np.frombuffer(zero_root(self._height - depth), np.uint64)
            self.nodes[1 << depth : 2 << depth] = zeros
        self.update(0, len(data) if written is None else written)

    def update(self, start: int, size: int) -> None:
        """Hash again what has changed: the bytes ``start`` to ``start`` + ``size`` − 1."""
        if size <= 0:
            return
        nodes, words = self.nodes.reshape(-1), self._data.view(np.uint64)
        first, last = start // LEAF_SIZE, (start + size - 1) // LEAF_SIZE
        numbers = np.arange(first, last + 1)
        to = (numbers + self.leaves) * NODE_WORDS
        hash_messages(words, numbers * LEAF_WORDS, nodes, to, LEAF_WORDS, LEAF_TAG)
        first, last = first + self.leaves, last + self.leaves
        while first > 1:
            first, last = first // 2, last // 2
            numbers = np.arange(first, last + 1)
            at, to = numbers * PAIR_WORDS, numbers * NODE_WORDS
            hash_messages(nodes, at, nodes, to, PAIR_WORDS, NODE_TAG)

    def root(self) -> bytes:
        return self.node(1)

    def node(self, number: int) -> bytes:
        """The hash of a node. Raises IndexError for one that there is not."""
        if not 1 <= number < 2 * self.leaves:
            raise IndexError(f"a tree of {self.leaves} leaves has no node {number}")
        return bytes(self.nodes[number].tobytes())

    def children(self, number: int) -> tuple[int, ...]:
        """The numbers of a node's two children; none of a leaf's."""
        return (2 * number, 2 * number + 1) if number < self.leaves else ()

    def preimage(self, number: int) -> bytes:
        """What the hash of a node is of."""
        if number < self.leaves:
            return b"\1" + self.node(2 * number) + self.node(2 * number + 1)
        start = (number - self.leaves) * LEAF_SIZE
        return b"\0" + self._data[start : start + LEAF_SIZE].tobytes().ljust(LEAF_SIZE, b"\0")

    def subtree(self, start: int, size: int) -> bytes:
        """The root of the subtree that has the ``size`` bytes at ``start``.

        Raises ValueError unless ``start`` is a multiple of the subtree's size.
        """
        leaves = leaf_count(size)
        if start % (leaves * LEAF_SIZE) or not 0 <= start < self.leaves * LEAF_SIZE:
            raise ValueError(f"no subtree of {leaves} leaves begins at {start}")
        return self.node((self.leaves + start // LEAF_SIZE) // leaves)


def _whole_leaves(data: Data) -> ByteArray:
    """``data`` as an array, with zeros up to the end of its last leaf. It can be written, though
    nobody does: kernels are compiled for such arrays only."""
    array = np.frombuffer(data, np.uint8)
    if array.flags.writeable and not len(array) % LEAF_SIZE:
        return array
    return np.concatenate([array, np.zeros(-len(array) % LEAF_SIZE, np.uint8)])
