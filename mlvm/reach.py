"""What a task may read: for its cost, and to tell whether tasks may be computed together.

Numbers here are exact, of any size; addresses are before they are taken modulo 2^32. The reach of
an operand contains all that the kernel reads of it, and sometimes more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mlvm.tasks import (
    NONE,
    Binary,
    Choose,
    Copy,
    Dot,
    DType,
    Gather,
    Map,
    Norm,
    Pool,
    Quantise,
    Reduce,
    Rotate,
    Softmax,
    Source,
    Task,
)
from mlvm.trees import LEAF_SIZE

#: Words of the tables of a softmax.
SOFTMAX_WORDS = 16 + 256 + 256


@dataclass(frozen=True, slots=True)
class Reach:
    """The bytes ``start`` to ``end`` − 1 of blob or arena, of which at most ``pieces`` are read
    that are no longer than a leaf: numbers, or parts of a row."""

    source: int
    start: int
    end: int
    pieces: int

    @property
    def leaves(self) -> int:
        """At most so many leaves are read: a piece may lie in two."""
        return min(2 * self.pieces, (self.end - self.start) // LEAF_SIZE + 2)


def reaches(task: Task) -> list[Reach]:
    """Of every operand of a task whose counts are valid."""
    of = _REACHES.get(type(task))
    return list(of(task)) if of else []


def _strided(
    source: int, at: int, size: int, strides: Sequence[int], counts: Sequence[int]
) -> Reach:
    """All numbers of a tensor: ``counts`` of them by dimension, ``strides`` bytes apart."""
    start = end = at
    pieces = 1
    for stride, count in zip(strides, counts, strict=True):
        start += min(0, stride * (count - 1))
        end += max(0, stride * (count - 1))
        pieces *= count
    return Reach(source, start, end + size, pieces)


def _table(offset: int, first: int, count: int, size: int = 4) -> Iterator[Reach]:
    """A part of a table in the blob, if there is the table."""
    if offset != NONE:
        start = offset + first * size
        yield Reach(Source.BLOB, start, start + count * size, count)


def _picture_rows(task: Dot | Pool, dilation: int) -> tuple[int, int]:
    """The first row of a picture that a tile sees, and how many."""
    top = task.first_pixel // task.out_width * task.stride_y - task.pad_top
    last_pixel = task.first_pixel + task.pixels - 1
    bottom = last_pixel // task.out_width * task.stride_y - task.pad_top
    bottom += (task.kernel_height - 1) * dilation
    top, bottom = max(top, 0), min(bottom, task.height - 1)
    return top, max(bottom - top + 1, 0)


def _dot(task: Dot) -> Iterator[Reach]:
    size = DType(task.a_type).size
    last_channel = task.first_channel + task.channels - 1
    first_group = task.first_channel // task.channels_per_group
    groups = last_channel // task.channels_per_group - first_group + 1
    top, rows = _picture_rows(task, task.dilation_y)
    start = task.a + top * task.width * task.a_stride + first_group * task.group_size * size
    pixels, numbers = rows * task.width, groups * task.group_size
    if rows:
        end = start + (pixels - 1) * task.a_stride + numbers * size
        yield Reach(task.a_source, start, end, pixels * numbers)
    if task.a_exponents:
        start = task.a + task.first_pixel * task.a_stride - 4
        counts = (task.pixels, 4)
        yield _strided(task.a_source, start, 1, (task.a_stride, 1), counts)
    weights = task.kernel_height * task.kernel_width * task.group_size
    start = task.b + task.first_channel * task.b_stride
    size = DType(task.b_type).size
    counts = (task.channels, weights)
    yield _strided(task.b_source, start, size, (task.b_stride, size), counts)
    if task.b_exponents:
        yield _strided(task.b_source, start - 4, 1, (task.b_stride, 1), (task.channels, 4))
    yield from _table(task.bias, task.first_channel, task.channels, 8)
    yield from _table(task.multipliers, task.first_channel, task.channels)


def _map(task: Map) -> Iterator[Reach]:
    size = DType(task.a_type).size
    yield Reach(Source.ARENA, task.a, task.a + task.count * size, task.count)
    words = 256 if size == 1 else task.segments + 1
    yield Reach(Source.BLOB, task.table, task.table + 4 * words, 2 * task.count)


def _binary(task: Binary) -> Iterator[Reach]:
    strides = task.a_stride_1, task.a_stride_2, task.a_stride_3, task.a_stride_4
    yield _range_of_tensor(task, Source.ARENA, task.a, task.a_type, strides)
    strides = task.b_stride_1, task.b_stride_2, task.b_stride_3, task.b_stride_4
    yield _range_of_tensor(task, task.b_source, task.b, task.b_type, strides)


def _range_of_tensor(
    task: Binary, source: int, at: int, dtype: int, strides: tuple[int, ...]
) -> Reach:
    """The numbers ``first`` to ``first`` + ``count`` − 1 of a tensor: of the first dimension that
    they do not lie at one place of, a range; of those behind it, all."""
    sizes = (task.size_2, task.size_3, task.size_4)
    first, last = task.first, task.first + task.count - 1
    for dimension in range(4):
        inner = 1
        for size in sizes[dimension:]:
            inner *= size
        low, high = first // inner, last // inner
        at += low * strides[dimension]
        if low != high:
            counts = (high - low + 1, *sizes[dimension:])
            reach = _strided(source, at, DType(dtype).size, strides[dimension:], counts)
            return Reach(source, reach.start, reach.end, task.count)
        first, last = first - low * inner, last - low * inner
    return Reach(source, at, at + DType(dtype).size, 1)


def _softmax(task: Softmax) -> Iterator[Reach]:
    size = DType(task.a_type).size
    counts = (task.rows, task.length)
    yield _strided(Source.ARENA, task.a, size, (task.a_stride, size), counts)
    if task.mask != NONE:
        yield Reach(Source.ARENA, task.mask, task.mask + 4 * task.length, task.length)
    yield Reach(Source.BLOB, task.table, task.table + 4 * SOFTMAX_WORDS, SOFTMAX_WORDS)


def _rows_of_words(task: Norm | Quantise | Rotate) -> Reach:
    counts = (task.rows, task.length)
    return _strided(Source.ARENA, task.a, 4, (task.a_stride, 4), counts)


def _norm(task: Norm) -> Iterator[Reach]:
    yield _rows_of_words(task)
    yield from _table(task.gamma, 0, task.length)
    yield from _table(task.beta, 0, task.length)


def _quantise(task: Quantise) -> Iterator[Reach]:
    yield _rows_of_words(task)


def _pool(task: Pool) -> Iterator[Reach]:
    top, rows = _picture_rows(task, 1)
    row = task.width * task.channels
    size = DType(task.a_type).size
    if rows:
        start = task.a + top * row * size
        yield Reach(Source.ARENA, start, start + rows * row * size, rows * row)


def _reduce(task: Reduce) -> Iterator[Reach]:
    size = DType(task.a_type).size
    strides, counts = (task.row_stride, task.stride), (task.rows, task.length)
    yield _strided(Source.ARENA, task.a, size, strides, counts)
    if task.mask != NONE:
        yield Reach(Source.ARENA, task.mask, task.mask + 4 * task.length, task.length)


def _copy(task: Copy) -> Iterator[Reach]:
    start = task.a + task.first * task.stride_1
    strides = (task.stride_1, task.stride_2, task.stride_3, task.stride_4, task.stride_5)
    counts = (task.count, task.size_2, task.size_3, task.size_4, task.size_5)
    yield _strided(task.a_source, start, task.size, strides, counts)


def _gather(task: Gather) -> Iterator[Reach]:
    yield Reach(Source.ARENA, task.indices, task.indices + 4 * task.count, task.count)
    size = task.length * DType(task.table_type).size
    end = task.table + (task.table_rows - 1) * task.table_stride + size
    pieces = task.count * (size // LEAF_SIZE + 1)
    yield Reach(task.table_source, task.table, end, pieces)
    for reach in _table(task.multipliers, 0, task.table_rows):
        yield Reach(reach.source, reach.start, reach.end, task.count)


def _rotate(task: Rotate) -> Iterator[Reach]:
    yield _rows_of_words(task)
    counts = ((task.rows - 1) // task.repeat + 1, task.length)
    yield _strided(Source.BLOB, task.table, 4, (task.table_stride, 4), counts)


def _choose(task: Choose) -> Iterator[Reach]:
    yield Reach(Source.ARENA, task.condition, task.condition + 4, 1)
    for start in (task.a, task.b):
        yield Reach(Source.ARENA, start, start + task.out_size, task.out_size)


_REACHES: dict[type[Task], Callable[[Any], Iterator[Reach]]] = {
    Dot: _dot,
    Map: _map,
    Binary: _binary,
    Softmax: _softmax,
    Norm: _norm,
    Quantise: _quantise,
    Pool: _pool,
    Reduce: _reduce,
    Copy: _copy,
    Gather: _gather,
    Rotate: _rotate,
    Choose: _choose,
}
