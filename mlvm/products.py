"""Products at full speed, and exact: because a bound that is computed from the task says so.

A floating-point product of matrices is exact if for no output the sizes of its products add up to
more than 2^24 (32 bits) or 2^53 (64 bits): then every intermediate sum is a whole number that the
format has, in whatever order it is added up. Numbers of 16 bits are made of two of 8.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvm.compiled import limits, stored
from mlvm.exact import exponents, groups
from mlvm.kernels import dot as kernels
from mlvm.kernels import pictures
from mlvm.memory import LONG, STORED, Array, Memory
from mlvm.pictures import taps
from mlvm.tasks import Dot, DType, Source
from mlvm.threads import Threads
from mlvm.trees import ByteArray

#: Whole numbers up to which a format has them all.
EXACT_32, EXACT_64 = 1 << 24, 1 << 53
#: Up to so many rows a product is faster without BLAS: it reads weights of one byte, not of four.
FEW_ROWS = 4
#: Numbers of an unfolded picture, or of sums, at once.
BLOCK = 1 << 21
#: Bytes of weights that are kept as BLAS wants them.
KEPT = 1 << 30
#: The largest byte: what a half of a number of 16 bits is at most.
BYTE = 255
#: What is taken off a low byte to make it a signed one.
LOW = 128
#: Places of a kernel whose products, of 16 and 8 bits, add up to less than 2^31.
MOST_TAPS = 256
#: Products that take as long as other things that are done to a number.
MACS_PER_NUMBER = 32
#: Groups of a convolution that are worth a product each.
MOST_GROUPS = 32

#: What can be switched off.
FLOAT32, FLOAT64, DEPTHWISE, ROWS = "float32", "float64", "depthwise", "few rows"
PATHS = frozenset((FLOAT32, FLOAT64, DEPTHWISE, ROWS))


#: Weights between two places where a product may be cut.
STEP = 128


@dataclass(frozen=True, slots=True)
class _Matrix:
    """Weights as BLAS wants them, output channels × length; by channel, the sums of their sizes
    over the first 0, 1 … times :data:`STEP` of them; and the largest size that they can have."""

    values: NDArray[Any]
    sizes: NDArray[np.int64]
    highest: int

    def cuts(self, size: int, limit: int) -> list[int]:
        """Where to cut the length so that no part's sum of sizes, multiplied with numbers up to
        ``size``, is above ``limit``: evenly, and seldom."""
        length, steps = self.values.shape[1], self.sizes.shape[1] - 1
        if size * self.highest * length <= limit:
            return [0, length]
        for parts in range(1, steps + 1):
            cuts = [steps * place // parts for place in range(parts + 1)]
            if size * np.diff(self.sizes[:, cuts], axis=1).max() <= limit:
                return [min(cut * STEP, length) for cut in cuts]
        raise AssertionError("a part of one step is never above the limit")


def _matrix_of(view: Array, dtype: type[np.floating[Any]]) -> _Matrix:
    channels, length = view.shape
    highest = 1 << (8 * view.dtype.itemsize - int(view.dtype.kind == "i"))
    sizes = np.zeros((channels, -(-length // STEP) + 1), np.int64)
    if length > STEP:
        sums = np.add.reduceat(np.abs(view.astype(np.int32)), range(0, length, STEP), axis=1)
        np.cumsum(sums, axis=1, out=sizes[:, 1:])
    return _Matrix(np.ascontiguousarray(view, dtype), sizes, highest)


@dataclass(frozen=True, slots=True)
class _Plane:
    """Bytes of weights: rows ``stride`` apart from ``start`` on."""

    weights: NDArray[np.int8]
    start: int
    stride: int


class Products:
    """Dots over one memory. ``may_use``: whether a path is switched on, and sound."""

    def __init__(self, memory: Memory, threads: Threads, may_use: Callable[[str], bool]) -> None:
        self._memory, self._threads, self._may_use = memory, threads, may_use
        self._kept: OrderedDict[tuple[Any, ...], _Matrix] = OrderedDict()
        self._kept_size = 0
        self._halved: dict[tuple[int, ...], tuple[_Plane, _Plane]] = {}

    def dot(self, task: Dot) -> ByteArray | None:
        """What the task writes; None if no fast path is exact for it."""
        picture = self._picture(task)
        if picture is None:
            return None
        sums = _Sums(task, self._memory, self._threads)
        is_done = (
            self._few_rows(task, picture, sums)
            or self._depthwise(task, picture, sums)
            or self._by_blas(task, picture, sums)
        )
        return sums.packed() if is_done else None

    # --- Operands ---

    def _picture(self, task: Dot) -> Array | None:
        """Pixels × channels; None unless it has 8 or 16 bits and all of it is inside."""
        kind = STORED[DType(task.a_type)]
        is_regular = kind.itemsize <= 2 and -(1 << 15) <= task.pad_value < 1 << 15
        last = (task.first_channel + task.channels - 1) // task.channels_per_group
        shape = (task.height * task.width, (last + 1) * task.group_size)
        strides = (task.a_stride, kind.itemsize)
        view = self._memory.view(task.a_source, task.a, kind, strides, shape)
        return view if is_regular else None

    def _matrix(self, task: Dot, channels: slice, dtype: type[np.floating[Any]]) -> _Matrix | None:
        """Weights of some channels of a tile."""
        kind = STORED[DType(task.b_type)]
        if kind.itemsize > 2:
            return None
        length = task.kernel_height * task.kernel_width * task.group_size
        first, count = task.first_channel + channels.start, channels.stop - channels.start
        key = (task.b + first * task.b_stride, task.b_stride, count, length, kind, dtype)
        if task.b_source == Source.BLOB and key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        strides, shape = (task.b_stride, kind.itemsize), (count, length)
        view = self._memory.view(task.b_source, key[0], kind, strides, shape)
        if view is None:
            return None
        matrix = _matrix_of(view, dtype)
        if task.b_source == Source.BLOB:
            self._keep(key, matrix)
        return matrix

    def _keep(self, key: tuple[Any, ...], matrix: _Matrix) -> None:
        self._kept[key] = matrix
        self._kept_size += matrix.values.nbytes + matrix.sizes.nbytes
        while self._kept_size > KEPT and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._kept_size -= old.values.nbytes + old.sizes.nbytes

    # --- Paths ---

    def _few_rows(self, task: Dot, picture: Array, sums: _Sums) -> bool:
        """A product with few rows: weights of 8 bits straight from the blob, of 16 as two of 8."""
        if not _is_matrix(task) or task.pixels > FEW_ROWS or task.b_source != Source.BLOB:
            return False
        planes = self._planes(task) if self._may_use(ROWS) else None
        if planes is None:
            return False
        rows = picture[task.first_pixel : task.first_pixel + task.pixels, : task.group_size]
        a = np.ascontiguousarray(rows, np.int16)
        totals = np.empty((len(planes), task.pixels, task.channels), np.int64)

        def some(part: slice) -> None:
            found = np.empty((task.pixels, part.stop - part.start), np.int64)
            for plane, total in zip(planes, totals, strict=True):
                first = plane.start + part.start * plane.stride
                kernels.products(a, plane.weights, first, plane.stride, found)
                total[:, part] = found

        self._threads.over(task.channels, task.pixels * task.group_size * len(planes), some)
        if len(planes) > 1:
            totals[1] += LOW * a.sum(axis=1, dtype=np.int64)[:, np.newaxis]
        sums.finish(totals, [256, 1][-len(planes) :], (0, 0))
        return True

    def _planes(self, task: Dot) -> tuple[_Plane, ...] | None:
        """The weights of a matrix; of 16 bits, the high bytes and the low ones. None unless all are
        in the blob."""
        kind = STORED[DType(task.b_type)]
        at = task.b + task.first_channel * task.b_stride
        strides, shape = (task.b_stride, kind.itemsize), (task.channels, task.group_size)
        view = self._memory.view(Source.BLOB, at, kind, strides, shape)
        if view is None or task.b_type not in (DType.I8, DType.I16):
            return None
        if task.b_type == DType.I8:
            return (_Plane(self._memory.blob.view(np.int8), at, task.b_stride),)
        key = (at, *strides, *shape)
        if key not in self._halved:
            if sum(len(high.weights) for high, _ in self._halved.values()) > KEPT // 2:
                self._halved.clear()
            high, low = view >> 8, (view & BYTE) - LOW
            self._halved[key] = (
                _Plane(high.astype(np.int8).reshape(-1), 0, task.group_size),
                _Plane(low.astype(np.int8).reshape(-1), 0, task.group_size),
            )
        return self._halved[key]

    def _depthwise(self, task: Dot, picture: Array, sums: _Sums) -> bool:
        """One input channel for each output channel: sums of 32 bits."""
        if task.group_size != 1 or task.channels_per_group != 1 or task.channels < 2:
            return False
        kind, first = STORED[DType(task.b_type)], task.first_channel
        count = task.kernel_height * task.kernel_width
        strides, shape = (kind.itemsize, task.b_stride), (count, task.channels)
        at = task.b + first * task.b_stride
        view = self._memory.view(task.b_source, at, kind, strides, shape)
        if view is None or kind.itemsize > 1 or count > MOST_TAPS:
            return False
        if not self._may_use(DEPTHWISE):
            return False
        channels = _with_pads(picture[:, first : first + task.channels], task.pad_value, np.int16)
        weights, places = np.ascontiguousarray(view, np.int32), taps(task)

        def some(part: slice) -> None:
            totals = np.empty((part.stop - part.start, task.channels), np.int32)
            kernels.depthwise(channels, places[part], weights, totals)
            sums.finish_here(totals[np.newaxis], [1], (0, len(totals)), (part.start, 0))

        self._threads.over(task.pixels, task.channels * places.shape[1], some)
        return True

    def _by_blas(self, task: Dot, picture: Array, sums: _Sums) -> bool:
        """A product of matrices for each group."""
        parts = groups(task)
        if len(parts) > MOST_GROUPS:
            return False
        plans = [self._plan(task, channels) for _, channels in parts]
        if None in plans:
            return False
        for (group, channels), chosen in zip(parts, plans, strict=True):
            assert chosen is not None
            first = group * task.group_size
            numbers = picture[:, first : first + task.group_size]
            for pixel, halves in self._unfolded(task, numbers, chosen):
                found = chosen.sums(halves, self._threads)
                sums.finish(found, chosen.factors, (pixel, channels.start))
        return True

    def _unfolded(
        self, task: Dot, numbers: Array, chosen: _Blas
    ) -> Iterator[tuple[int, list[Array]]]:
        """What each pixel of a tile sees, one row for each; some pixels at a time, and the first of
        them."""
        columns, length = chosen.weights.shape
        step = max(1, BLOCK // max(length, columns))
        if _is_matrix(task):
            rows = numbers[task.first_pixel : task.first_pixel + task.pixels].astype(np.int16)
            for start in range(0, task.pixels, step):
                yield start, chosen.halves(rows[start : start + step])
            return
        halves = chosen.halves(_with_pads(numbers, task.pad_value, np.int16))
        places = taps(task)
        for start in range(0, task.pixels, step):
            part = places[start : start + step]
            yield start, [self._unfold(half, part) for half in halves]

    def _unfold(self, picture: Array, places: NDArray[np.int32]) -> Array:
        out = np.empty((len(places), places.shape[1] * picture.shape[1]), picture.dtype)
        self._threads.over(
            len(places),
            out.shape[1],
            lambda part: pictures.unfold(picture, places[part], out[part]),
        )
        return out

    def _plan(self, task: Dot, channels: slice) -> _Blas | None:
        """How BLAS is exact for a group: with 32 bits in a few parts, or with 64."""
        size, is_byte = _size_of(task), DType(task.b_type).size == 1
        if is_byte and self._may_use(FLOAT32):
            matrix, limit = self._matrix(task, channels, np.float32), EXACT_32
        elif self._may_use(FLOAT64):
            matrix, limit = self._matrix(task, channels, np.float64), EXACT_64
        else:
            return None
        if matrix is None:
            return None
        is_split = limit == EXACT_32 and size > BYTE
        return _Blas(matrix.values, matrix.cuts(BYTE if is_split else size, limit), is_split)


@dataclass(frozen=True, slots=True)
class _Blas:
    """``cuts``: where the length is cut into parts that are exact. ``is_split``: numbers of 16 bits
    are multiplied as two of 8."""

    weights: NDArray[Any]
    cuts: list[int]
    is_split: bool

    @property
    def factors(self) -> list[int]:
        """What the parts of a sum are to be multiplied by."""
        count = len(self.cuts) - 1
        return [256] * count + [1] * count if self.is_split else [1] * count

    def halves(self, picture: Array) -> list[Array]:
        """The picture as it is multiplied: the high bytes of all numbers, and the low ones."""
        if not self.is_split:
            return [picture.astype(self.weights.dtype)]
        return [
            (picture >> 8).astype(self.weights.dtype),
            (picture & 255).astype(self.weights.dtype),
        ]

    def sums(self, halves: list[Array], threads: Threads) -> NDArray[Any]:
        """Parts × rows × columns."""
        count, columns = len(self.cuts) - 1, len(self.weights)
        parts = np.empty((len(halves) * count, len(halves[0]), columns), self.weights.dtype)

        def some(rows: slice) -> None:
            for index, half in enumerate(halves):
                for place in range(count):
                    cut = slice(self.cuts[place], self.cuts[place + 1])
                    out = parts[index * count + place, rows]
                    np.matmul(half[rows, cut], self.weights[:, cut].T, out=out)

        threads.over(len(halves[0]), columns * self.weights.shape[1] // MACS_PER_NUMBER, some)
        return parts


def _size_of(task: Dot) -> int:
    """The largest size of a number of a, or of what stands for it outside of the picture."""
    kind = DType(task.a_type)
    return max(-kind.lowest, kind.highest, abs(task.pad_value))


def _is_matrix(task: Dot) -> bool:
    """Whether pixels are rows, and all channels one group."""
    return (
        task.kernel_height == task.kernel_width == task.stride_y == task.stride_x == 1
        and task.pad_top == task.pad_left == 0
        and task.out_width == task.width
        and task.first_pixel + task.pixels <= task.height * task.width
        and task.first_channel + task.channels <= task.channels_per_group
    )


def _with_pads(numbers: Array, pad_value: int, dtype: type[np.number[Any]]) -> Array:
    """A picture and, behind it, one pixel that stands for all outside."""
    framed = np.empty((len(numbers) + 1, numbers.shape[1]), dtype)
    framed[:-1], framed[-1] = numbers, pad_value
    return framed


class _Sums:
    """Sums on their way to what a task writes."""

    def __init__(self, task: Dot, memory: Memory, threads: Threads) -> None:
        self._task, self._threads = task, threads
        self._out = np.empty((task.pixels, task.channels), np.int32)
        self._bias = memory.table(task.bias, task.first_channel, task.channels, LONG)
        self._multipliers = memory.table(task.multipliers, task.first_channel, task.channels)
        self._row_shifts = np.full(task.pixels, task.shift, np.int64)
        self._column_shifts = np.zeros(task.channels, np.int64)
        if task.a_exponents:
            at = task.a + task.first_pixel * task.a_stride - 4
            found = exponents(memory, task.a_source, at, task.a_stride, task.pixels)
            self._row_shifts -= found
        if task.b_exponents:
            at = task.b + task.first_channel * task.b_stride - 4
            found = exponents(memory, task.b_source, at, task.b_stride, task.channels)
            self._column_shifts -= found
        self._limits = np.array([task.out_zero, *limits(task)], np.int64)

    def finish(self, parts: NDArray[Any], factors: list[int], at: tuple[int, int]) -> None:
        """Sums in parts, parts × rows × columns, that belong to the outputs from row and column
        ``at`` on; by all threads."""
        _, rows, columns = parts.shape

        def some(part: slice) -> None:
            self.finish_here(parts, factors, (part.start, part.stop), at)

        self._threads.over(rows, columns * len(factors), some)

    def finish_here(
        self, parts: NDArray[Any], factors: list[int], rows: tuple[int, int], at: tuple[int, int]
    ) -> None:
        """Some of these rows, by this thread."""
        kernels.finish(
            parts,
            np.array(factors, np.int64),
            self._bias,
            self._multipliers,
            self._row_shifts,
            self._column_shifts,
            self._limits,
            self._out,
            np.array([*rows, *at], np.int64),
        )

    def packed(self) -> ByteArray:
        return stored(self._out, self._task.out_type)
