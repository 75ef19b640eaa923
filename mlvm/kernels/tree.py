"""Keccak-256 of many leaves or nodes of byte trees at once, compiled.

A message is one tag byte and then whole 64-bit words: 8 of them in a node, 128 in a leaf. Several
are hashed side by side, one in each lane, as in :mod:`fpvm.keccak_batch`.
"""

from __future__ import annotations

import numpy as np

from fpvm.jit import PURE, inlined, kernel
from fpvm.keccak import keccak256
from fpvm.keccak_batch import NODE_WORDS, WIDE, WORTH_WIDE, Indices, Words, permute, squeeze

#: Words of a block that Keccak-256 absorbs.
RATE = 17
LEAF_WORDS = 128
PAIR_WORDS = 2 * NODE_WORDS
LEAF_TAG, NODE_TAG = 0, 1


@inlined
def _absorb_block(
    a: Words, source: Words, at: Indices, first: int, size: int, tag: int, block: int, lanes: int
) -> None:
    """One block of each message. The tag moves all bytes on by one, so a word of the message is
    made of two of the source. A short group hashes its last message more than once."""
    for lane in range(lanes):
        start = at[min(first + lane, at.shape[0] - 1)]
        for place in range(RATE):
            word = block * RATE + place
            low = np.uint64(tag) if word == 0 else np.uint64(0)
            if 0 < word <= size:
                low = source[start + word - 1] >> np.uint64(56)
            high = np.uint64(0)
            if word < size:
                high = source[start + word] << np.uint64(8)
            elif word == size:
                high = np.uint64(0x0100)
            a[place, lane] ^= low | high


@inlined
def _hash_group(
    work: tuple[Words, Words, Words, Words],
    source: Words,
    at: Indices,
    out: Words,
    to: Indices,
    first: int,
    size: int,
    tag: int,
    lanes: int,
) -> None:
    a, b, c, d = work
    a[:] = 0
    blocks = size // RATE + 1
    for block in range(blocks):
        _absorb_block(a, source, at, first, size, tag, block, lanes)
        if block == blocks - 1:
            for lane in range(lanes):
                a[RATE - 1, lane] ^= np.uint64(0x80 << 56)
        permute(a, b, c, d, lanes)
    squeeze(a, out, to, first, lanes)


@kernel
def _hash_wide(source: Words, at: Indices, out: Words, to: Indices, size: int, tag: int) -> None:
    a, b = np.empty((25, WIDE), np.uint64), np.empty((25, WIDE), np.uint64)
    c, d = np.empty((5, WIDE), np.uint64), np.empty((5, WIDE), np.uint64)
    for first in range(0, at.shape[0], WIDE):
        _hash_group((a, b, c, d), source, at, out, to, first, size, tag, WIDE)


def hash_pure(source: Words, at: Indices, out: Words, to: Indices, size: int, tag: int) -> None:
    """As :data:`hash_messages`, one library call for each: for a few, and the tests' oracle."""
    for start, end in zip(at.tolist(), to.tolist(), strict=True):
        digest = keccak256(bytes([tag]) + source[start : start + size].tobytes())
        out[end : end + NODE_WORDS] = np.frombuffer(digest, np.uint64)


def _hash_compiled(
    source: Words, at: Indices, out: Words, to: Indices, size: int, tag: int
) -> None:
    rest = at.shape[0] % WIDE
    wide = at.shape[0] if rest >= WORTH_WIDE else at.shape[0] - rest
    if wide:
        _hash_wide(source, at[:wide], out, to[:wide], size, tag)
    hash_pure(source, at[wide:], out, to[wide:], size, tag)


hash_messages = hash_pure if PURE else _hash_compiled
"""``hash_messages(source, at, out, to, size, tag)``: for every i, the hash of the tag and the
``size`` words of ``source`` from word ``at[i]`` on goes to the four words of ``out`` from ``to[i]``
on. ``source`` and ``out`` may be one array if no hash reads what another writes."""
