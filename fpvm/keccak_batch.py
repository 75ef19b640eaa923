"""Keccak-256 of many 64-byte tree nodes at once.

:func:`hash_pairs` hashes thousands of Merkle nodes in one call; it is compiled by numba, up to 64
nodes side by side, one per SIMD lane. Where kernels are interpreted (:mod:`fpvm.jit`),
:func:`hash_pairs_pure` gives the same nodes slowly.

Source: FIPS 202 for the permutation; the padding is the original Keccak's (0x01 … 0x80), as
Ethereum uses it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fpvm.jit import PURE, inlined, kernel
from fpvm.keccak import keccak256

Words = NDArray[np.uint64]
Indices = NDArray[np.int64]

#: Nodes hashed side by side, one in each lane of vector registers; and below how many nodes hashing
#: one after the other is faster.
WIDE, WORTH_WIDE = 64, 24
#: A node is four 64-bit words, a pair of nodes eight.
NODE_WORDS = 4
PAIR_WORDS = 2 * NODE_WORDS


def _round_constants() -> Words:
    """The 24 constants of step iota, from the linear feedback shift register of FIPS 202, 3.2.5."""
    register, constants = 1, []
    for _ in range(24):
        constant = 0
        for j in range(7):
            if register & 1:
                constant |= 1 << ((1 << j) - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return np.array(constants, dtype=np.uint64)


ROUND_CONSTANTS = _round_constants()


def hash_pairs_pure(source: Words, at: Indices, out: Words, to: Indices) -> None:
    """As :func:`hash_pairs`, one library call per node: the fallback, and the test's oracle."""
    for start, end in zip(at.tolist(), to.tolist(), strict=True):
        digest = keccak256(source[start : start + PAIR_WORDS].tobytes())
        out[end : end + NODE_WORDS] = np.frombuffer(digest, np.uint64)


@inlined
def _column(a: Words, c: Words, x: int, lanes: int) -> None:
    """Theta, first half: the parity of column x."""
    for lane in range(lanes):
        c[x, lane] = (
            a[x, lane] ^ a[x + 5, lane] ^ a[x + 10, lane] ^ a[x + 15, lane] ^ a[x + 20, lane]
        )


@inlined
def _effect(c: Words, d: Words, x: int, lanes: int) -> None:
    """Theta, second half: what is added to every word of column x."""
    left, right = (x + 4) % 5, (x + 1) % 5
    for lane in range(lanes):
        turned = (c[right, lane] << np.uint64(1)) | (c[right, lane] >> np.uint64(63))
        d[x, lane] = c[left, lane] ^ turned


@inlined
def _move(a: Words, b: Words, d: Words, word: int, target: int, rotation: int, lanes: int) -> None:
    """Rho and pi: word ``word``, theta's effect added, goes to ``target``, rotated."""
    left, right = np.uint64(rotation), np.uint64((64 - rotation) % 64)
    column = word % 5
    for lane in range(lanes):
        value = a[word, lane] ^ d[column, lane]
        b[target, lane] = (value << left) | (value >> right)


@inlined
def _row(a: Words, b: Words, y: int, lanes: int) -> None:
    """Chi, on the row that starts at word y."""
    for lane in range(lanes):
        b0, b1, b2, b3, b4 = (
            b[y, lane],
            b[y + 1, lane],
            b[y + 2, lane],
            b[y + 3, lane],
            b[y + 4, lane],
        )
        a[y, lane] = b0 ^ (~b1 & b2)
        a[y + 1, lane] = b1 ^ (~b2 & b3)
        a[y + 2, lane] = b2 ^ (~b3 & b4)
        a[y + 3, lane] = b3 ^ (~b4 & b0)
        a[y + 4, lane] = b4 ^ (~b0 & b1)


@inlined
def _absorb(a: Words, source: Words, at: Indices, first: int, lanes: int) -> None:
    """The padded messages of one group. A short group hashes its last pair more than once."""
    a[:] = 0
    for lane in range(lanes):
        start = at[min(first + lane, at.shape[0] - 1)]
        for word in range(PAIR_WORDS):
            a[word, lane] = source[start + word]
        a[8, lane] = np.uint64(0x01)
        a[16, lane] = np.uint64(0x80 << 56)


@inlined
def permute(a: Words, b: Words, c: Words, d: Words, lanes: int) -> None:
    """Keccak-f[1600] on every lane of ``a``."""
    for constant in ROUND_CONSTANTS:
        _column(a, c, 0, lanes)
        _column(a, c, 1, lanes)
        _column(a, c, 2, lanes)
        _column(a, c, 3, lanes)
        _column(a, c, 4, lanes)
        _effect(c, d, 0, lanes)
        _effect(c, d, 1, lanes)
        _effect(c, d, 2, lanes)
        _effect(c, d, 3, lanes)
        _effect(c, d, 4, lanes)
        _move(a, b, d, 0, 0, 0, lanes)
        _move(a, b, d, 1, 10, 1, lanes)
        _move(a, b, d, 2, 20, 62, lanes)
        _move(a, b, d, 3, 5, 28, lanes)
        _move(a, b, d, 4, 15, 27, lanes)
        _move(a, b, d, 5, 16, 36, lanes)
        _move(a, b, d, 6, 1, 44, lanes)
        _move(a, b, d, 7, 11, 6, lanes)
        _move(a, b, d, 8, 21, 55, lanes)
        _move(a, b, d, 9, 6, 20, lanes)
        _move(a, b, d, 10, 7, 3, lanes)
        _move(a, b, d, 11, 17, 10, lanes)
        _move(a, b, d, 12, 2, 43, lanes)
        _move(a, b, d, 13, 12, 25, lanes)
        _move(a, b, d, 14, 22, 39, lanes)
        _move(a, b, d, 15, 23, 41, lanes)
        _move(a, b, d, 16, 8, 45, lanes)
        _move(a, b, d, 17, 18, 15, lanes)
        _move(a, b, d, 18, 3, 21, lanes)
        _move(a, b, d, 19, 13, 8, lanes)
        _move(a, b, d, 20, 14, 18, lanes)
        _move(a, b, d, 21, 24, 2, lanes)
        _move(a, b, d, 22, 9, 61, lanes)
        _move(a, b, d, 23, 19, 56, lanes)
        _move(a, b, d, 24, 4, 14, lanes)
        _row(a, b, 0, lanes)
        _row(a, b, 5, lanes)
        _row(a, b, 10, lanes)
        _row(a, b, 15, lanes)
        _row(a, b, 20, lanes)
        for lane in range(lanes):
            a[0, lane] ^= constant


@inlined
def squeeze(a: Words, out: Words, to: Indices, first: int, lanes: int) -> None:
    """The digests of one group, to where they belong."""
    for lane in range(min(lanes, to.shape[0] - first)):
        end = to[first + lane]
        for word in range(NODE_WORDS):
            out[end + word] = a[word, lane]


@kernel
def _hash_pairs_wide(source: Words, at: Indices, out: Words, to: Indices) -> None:
    a, b = np.empty((25, WIDE), np.uint64), np.empty((25, WIDE), np.uint64)
    c, d = np.empty((5, WIDE), np.uint64), np.empty((5, WIDE), np.uint64)
    for first in range(0, at.shape[0], WIDE):
        _absorb(a, source, at, first, WIDE)
        permute(a, b, c, d, WIDE)
        squeeze(a, out, to, first, WIDE)


@kernel
def _hash_pairs_narrow(source: Words, at: Indices, out: Words, to: Indices) -> None:
    a, b = np.empty((25, 1), np.uint64), np.empty((25, 1), np.uint64)
    c, d = np.empty((5, 1), np.uint64), np.empty((5, 1), np.uint64)
    for i in range(at.shape[0]):
        _absorb(a, source, at, i, 1)
        permute(a, b, c, d, 1)
        squeeze(a, out, to, i, 1)


@kernel
def _hash_pairs_compiled(source: Words, at: Indices, out: Words, to: Indices) -> None:
    rest = at.shape[0] % WIDE
    wide = at.shape[0] if rest >= WORTH_WIDE else at.shape[0] - rest
    if wide:
        _hash_pairs_wide(source, at[:wide], out, to[:wide])
    if wide < at.shape[0]:
        _hash_pairs_narrow(source, at[wide:], out, to[wide:])


hash_pairs: Callable[[Words, Indices, Words, Indices], None] = (
    hash_pairs_pure if PURE else _hash_pairs_compiled
)
"""``hash_pairs(source, at, out, to)``: for every i, keccak256 of the 64 bytes (eight words) of
``source`` that start at word ``at[i]`` goes to the four words of ``out`` that start at ``to[i]``.

``source`` and ``out`` may be one array if no hash reads what another of the same call writes. The
interpreter lock is released."""
