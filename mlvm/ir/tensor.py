"""Tensors of a graph: a shape laid over a buffer, as in numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from mlvm.checks import quantised_row_size
from mlvm.tasks import DType, Source, Task

#: How numbers lie in arena and blob.
STORED = {DType.I8: ">i1", DType.I16: ">i2", DType.I32: ">i4", DType.U8: ">u1"}


class GraphError(ValueError):
    """An operator that there cannot be. The message begins with the node's name."""


@dataclass(frozen=True, eq=False)
class Buffer:
    """Bytes that the plan gives a place: in the blob if they are known, else in the arena."""

    name: str
    size: int
    constant: bytes | None = None

    @property
    def source(self) -> Source:
        return Source.ARENA if self.constant is None else Source.BLOB


@dataclass(frozen=True)
class Draft:
    """A task before it has a place: ``task``'s ``fields`` count from the beginning of a buffer.
    It may be larger than a task can be; the plan cuts it."""

    name: str
    task: Task
    fields: Mapping[str, Buffer]


@dataclass(frozen=True)
class Table:
    """A function of one number (:class:`mlvm.tasks.Map`): of 8 bits, ``words`` by the number's
    byte; of more, ``words`` between which is interpolated, from ``low`` on in steps of 2^``step``,
    and going on behind them with ``slope`` / 2^16."""

    words: NDArray[np.int32]
    low: int = 0
    step: int = 0
    slope: int = 0


@dataclass(frozen=True)
class Tensor:
    """``strides``: bytes from one number to the next, by dimension; ``offset``: where the first one
    is in the buffer."""

    name: str
    buffer: Buffer
    shape: tuple[int, ...]
    dtype: DType
    zero: int = 0
    scale: float | None = None
    has_exponents: bool = False
    offset: int = 0
    strides: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """How many numbers."""
        return prod(self.shape)

    @property
    def source(self) -> Source:
        return self.buffer.source

    @property
    def is_contiguous(self) -> bool:
        return self.strides == dense_strides(self.shape, self.dtype.size)

    def renamed(self, name: str) -> Tensor:
        return replace(self, name=name)


def dense_strides(shape: Sequence[int], size: int) -> tuple[int, ...]:
    """Bytes from one number to the next, by dimension, if there are no gaps."""
    strides = [size]
    for length in reversed(shape[1:]):
        strides.append(strides[-1] * length)
    return tuple(reversed(strides[: len(shape)]))


def row_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """The same of rows with exponents."""
    outer = dense_strides(shape[:-1], quantised_row_size(shape[-1]))
    return (*outer, DType.I16.size)


def check_shape(name: str, shape: Sequence[int]) -> tuple[int, ...]:
    """Raises :class:`GraphError` for a shape that no tensor has."""
    if not all(isinstance(length, int | np.integer) and length > 0 for length in shape):
        raise GraphError(f"{name}: a shape of {tuple(shape)}")
    if prod(map(int, shape)) > 1 << 30:
        raise GraphError(f"{name}: {tuple(shape)} is too large")
    return tuple(map(int, shape))


def packed_array(name: str, values: object, dtype: DType) -> bytes:
    """Numbers as they are in the blob. Raises :class:`GraphError` if one does not fit."""
    array = np.asarray(values)
    if array.dtype.kind not in "iub":
        raise GraphError(f"{name}: its numbers are {array.dtype}, not integers")
    if array.size and (array.min() < dtype.lowest or array.max() > dtype.highest):
        raise GraphError(f"{name}: {array.min()} to {array.max()} do not fit {dtype.name}")
    return array.astype(STORED[dtype]).tobytes()


def collapsed(
    shape: Sequence[int], *strides: Sequence[int]
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """The same numbers in as few dimensions as can be, for several tensors of one shape: those of
    length 1 go, and neighbours become one where all strides allow it."""
    kept: list[tuple[int, tuple[int, ...]]] = []
    for length, steps in zip(shape, zip(*strides, strict=True), strict=True):
        if length == 1:
            continue
        if kept and all(
            outer == step * length for outer, step in zip(kept[-1][1], steps, strict=True)
        ):
            kept[-1] = (kept[-1][0] * length, steps)
        else:
            kept.append((length, steps))
    lengths = tuple(length for length, _ in kept)
    return lengths, [tuple(steps[place] for _, steps in kept) for place in range(len(strides))]
