"""Blob and arena as the native engine reads them: whole tensors at once, from any address."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from mlvm.tasks import MASK32, NONE, DType, Source
from mlvm.trees import ByteArray

Numbers = NDArray[np.int64]
Array = NDArray[Any]

Stored = np.dtype[Any]

#: How numbers lie in memory.
STORED: dict[DType, Stored] = {
    DType.I8: np.dtype(">i1"),
    DType.I16: np.dtype(">i2"),
    DType.I32: np.dtype(">i4"),
    DType.U8: np.dtype(">u1"),
}
WORD: Stored = STORED[DType.I32]
LONG: Stored = np.dtype(">i8")


class Memory:
    """What tasks read, as :class:`mlvm.spec.Operands`: outside of blob and arena there are zeros,
    and addresses are modulo 2^32."""

    def __init__(self, blob: ByteArray, arena: ByteArray) -> None:
        self.blob, self.arena = blob.view(), arena
        self.blob.flags.writeable = False

    def data(self, source: int) -> ByteArray:
        return self.arena if source == Source.ARENA else self.blob

    def tensor(
        self,
        source: int,
        at: int,
        stored: Stored,
        strides: Sequence[int],
        shape: Sequence[int],
    ) -> Array:
        """The numbers ``strides`` bytes apart from address ``at`` on, read-only."""
        found = self.view(source, at, stored, strides, shape)
        if found is not None:
            return found
        addresses = np.full(tuple(shape), at, np.int64)
        for dimension, (stride, length) in enumerate(zip(strides, shape, strict=True)):
            steps = np.arange(length, dtype=np.int64) * stride
            addresses += steps.reshape((-1,) + (1,) * (len(shape) - dimension - 1))
        return self.at(source, addresses, stored)

    def view(
        self,
        source: int,
        at: int,
        stored: Stored,
        strides: Sequence[int],
        shape: Sequence[int],
    ) -> Array | None:
        """The same without a copy; None unless all of it is inside."""
        data = self.data(source)
        reach = [stride * (length - 1) for stride, length in zip(strides, shape, strict=True)]
        lowest = at + sum(min(step, 0) for step in reach)
        highest = at + sum(max(step, 0) for step in reach) + stored.itemsize
        if lowest < 0 or highest > len(data) or not prod(shape):
            return None
        first = data[at : at + stored.itemsize].view(stored)
        return as_strided(first, tuple(shape), tuple(strides), writeable=False)

    def at(self, source: int, addresses: Numbers, stored: Stored) -> Array:
        """The numbers at any addresses."""
        data = self.data(source)
        found = np.zeros((*addresses.shape, stored.itemsize), np.uint8)
        for byte in range(stored.itemsize):
            places = (addresses & MASK32) + byte
            inside = places < len(data)
            found[inside, byte] = data[places[inside]]
        return found.view(stored)[..., 0]

    def row(self, source: int, at: int, stored: Stored, count: int) -> Numbers:
        """``count`` numbers, one after the other."""
        return numbers(self.tensor(source, at, stored, (stored.itemsize,), (count,)))

    def table(self, at: int, first: int, count: int, stored: Stored = WORD) -> Numbers:
        """Words of a table in the blob; zeros if there is no table."""
        if at == NONE:
            return np.zeros(count, np.int64)
        return self.row(Source.BLOB, at + first * stored.itemsize, stored, count)

    def counts(self, mask: int, length: int) -> NDArray[np.bool_]:
        """Which of ``length`` numbers count by a mask in the arena; all, if there is none."""
        if mask == NONE:
            return np.ones(length, np.bool_)
        found: NDArray[np.bool_] = self.row(Source.ARENA, mask, WORD, length) != 0
        return found


def numbers(array: Array) -> Numbers:
    """Numbers with 64 bits, to compute with."""
    return np.ascontiguousarray(array, np.int64)


def packed(values: Numbers, dtype: int) -> ByteArray:
    """Numbers as they are in the arena; the nearest that their type has."""
    kind = DType(dtype)
    limited = np.clip(values, kind.lowest, kind.highest)
    return np.frombuffer(limited.astype(STORED[kind]).tobytes(), np.uint8)
