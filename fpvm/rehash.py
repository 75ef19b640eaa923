"""The kernels that rehash what has changed in the tree over memory.

The tree within a page and the tree above the pages are stored as heaps: node i has the children 2i
and 2i + 1, which are adjacent, so hashing a node reads 64 adjacent bytes. A node of all zeros is
absent and stands for the tree over zero memory of its height.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fpvm.jit import kernel
from fpvm.keccak_batch import NODE_WORDS, PAIR_WORDS, Words, hash_pairs
from fpvm.merkle import DEPTH, LEAF_SIZE, PAGE_DEPTH, PAGE_SIZE, PAGES, ZERO_ROOTS

PAIRS_PER_PAGE = PAGE_SIZE // (2 * LEAF_SIZE)
NODES_PER_PAGE = 2 * PAIRS_PER_PAGE
PAGE_WORDS = PAGE_SIZE // 8

#: What is known of a frame's tree: nothing; its nodes; its nodes and the content they belong to.
UNHASHED, HASHED, SHADOWED = 0, 1, 2

#: The zero roots of all heights, four words each.
ZERO_NODES: Words = np.frombuffer(b"".join(ZERO_ROOTS), np.uint64).copy()


@kernel
def changed_pairs(
    frames: NDArray[np.int64],
    states: NDArray[np.uint8],
    ram: Words,
    shadow: Words,
    at: NDArray[np.int64],
    to: NDArray[np.int64],
) -> int:
    """List the pairs of leaves to hash in ``frames``, in order; returns how many.

    The first time, every pair of a frame is hashed. A frame that changes again gets a *shadow*, the
    content that its nodes belong to, and from then on only pairs that differ from it are hashed.
    """
    count = 0
    for frame in frames:
        start = frame * PAGE_WORDS
        state = states[frame]
        for pair in range(PAIRS_PER_PAGE):
            word = start + pair * PAIR_WORDS
            differs = state != SHADOWED
            if not differs:
                for i in range(word, word + PAIR_WORDS):
                    differs |= ram[i] != shadow[i]
            if differs:
                at[count] = word
                to[count] = (frame * NODES_PER_PAGE + PAIRS_PER_PAGE + pair) * NODE_WORDS
                count += 1
                if state != UNHASHED:
                    shadow[word : word + PAIR_WORDS] = ram[word : word + PAIR_WORDS]
        states[frame] = HASHED if state == UNHASHED else SHADOWED
    return count


@kernel
def parents(to: NDArray[np.int64], count: int, at: NDArray[np.int64]) -> int:
    """From ``to[:count]``, the nodes just hashed, in order: list their parents, each once.

    ``at`` takes where a parent's children start and ``to`` the parent. Returns how many.
    """
    found = 0
    for i in range(count):
        node = to[i] // NODE_WORDS
        page = node // NODES_PER_PAGE * NODES_PER_PAGE
        parent = page + (node - page) // 2
        if found == 0 or to[found - 1] != parent * NODE_WORDS:
            to[found] = parent * NODE_WORDS
            at[found] = (page + (node - page) // 2 * 2) * NODE_WORDS
            found += 1
    return found


@kernel
def rehash_pages(
    frames: NDArray[np.int64], states: NDArray[np.uint8], ram: Words, shadow: Words, nodes: Words
) -> int:
    """Bring the trees within ``frames`` up to date. Returns the number of hashes computed."""
    at = np.empty(frames.shape[0] * PAIRS_PER_PAGE, np.int64)
    to = np.empty(frames.shape[0] * PAIRS_PER_PAGE, np.int64)
    count = changed_pairs(frames, states, ram, shadow, at, to)
    hash_pairs(ram, at[:count], nodes, to[:count])
    total = count
    for _ in range(PAGE_DEPTH - 1):
        count = parents(to, count, at)
        hash_pairs(nodes, at[:count], nodes, to[:count])
        total += count
    return total


@kernel
def rehash_upper(
    pages: NDArray[np.int64], frames: NDArray[np.int64], nodes: Words, upper: Words, zeros: Words
) -> int:
    """Carry the roots of ``pages`` (sorted, each in its frame) up to the root of memory, node 1."""
    count = pages.shape[0]
    at = np.empty(count, np.int64)
    to = np.empty(count, np.int64)
    for i in range(count):
        node = PAGES + pages[i]
        source = (frames[i] * NODES_PER_PAGE + 1) * NODE_WORDS
        upper[node * NODE_WORDS : (node + 1) * NODE_WORDS] = nodes[source : source + NODE_WORDS]
        to[i] = node
    total = 0
    for height in range(PAGE_DEPTH, DEPTH):
        found = 0
        for i in range(count):
            parent = to[i] // 2
            if found == 0 or to[found - 1] != parent:
                to[found] = parent
                found += 1
        count = found
        for i in range(count):
            at[i] = to[i] * PAIR_WORDS
            for child in (at[i], at[i] + NODE_WORDS):
                present = False
                for word in range(child, child + NODE_WORDS):
                    present |= upper[word] != 0
                if not present:
                    upper[child : child + NODE_WORDS] = zeros[
                        height * NODE_WORDS : (height + 1) * NODE_WORDS
                    ]
            to[i] *= NODE_WORDS
        hash_pairs(upper, at[:count], upper, to[:count])
        for i in range(count):
            to[i] //= NODE_WORDS
        total += count
    return total
