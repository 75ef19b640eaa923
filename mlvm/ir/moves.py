"""Operators that move numbers: shapes, slices, transposes, pads, concatenation, embeddings.

Most of them are only another view of the same buffer and make no task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mlvm.ir.base import Base, Result
from mlvm.ir.tensor import (
    Tensor,
    check_shape,
    collapsed,
    dense_strides,
    packed_array,
)
from mlvm.tasks import Choose, Copy, DType, Gather

#: Dimensions of a Copy.
_COPIED = 5


class Moves(Base):
    """Tensors keep type, zero point and scale, unless said otherwise."""

    def reshape(self, name: str, x: Tensor, shape: Sequence[int]) -> Tensor:
        """The same numbers in another shape; one length may be -1. A task only where x is a view
        that leaves gaps."""
        self._check_plain(name, x)
        lengths = list(shape)
        if lengths.count(-1) == 1:
            known = int(np.prod([length for length in lengths if length != -1]))
            self._check(name, known > 0 and x.size % known == 0, f"{x.shape} to {tuple(shape)}")
            lengths[lengths.index(-1)] = x.size // known
        new = check_shape(name, lengths)
        self._check(name, int(np.prod(new)) == x.size, f"{x.shape} to {tuple(shape)}")
        dense = self.contiguous(name, x)
        return replace(dense, name=name, shape=new, strides=dense_strides(new, x.dtype.size))

    def transpose(self, name: str, x: Tensor, order: Sequence[int]) -> Tensor:
        """Dimension i of the result is dimension ``order`` [i] of x. No task. Of rows with
        exponents, the last dimension stays."""
        rank = len(x.shape)
        self._check(name, sorted(order) == list(range(rank)), f"an order of {order}")
        self._check(name, not x.has_exponents or order[-1] == rank - 1, f"{x.name} has exponents")
        shape = tuple(x.shape[place] for place in order)
        strides = tuple(x.strides[place] for place in order)
        return replace(x, name=name, shape=shape, strides=strides)

    def broadcast(self, name: str, x: Tensor, shape: Sequence[int]) -> Tensor:
        """x in a larger shape, repeated along dimensions of length 1, as in numpy. No task."""
        lengths = check_shape(name, shape)
        agree = len(lengths) == len(x.shape) and all(
            old in (1, new) for old, new in zip(x.shape, lengths, strict=True)
        )
        self._check(name, agree, f"{x.shape} to {lengths}")
        self._check(name, not x.has_exponents or lengths[-1] == x.shape[-1], "a row is repeated")
        strides = tuple(
            stride if old == new else 0
            for old, new, stride in zip(x.shape, lengths, x.strides, strict=True)
        )
        return replace(x, name=name, shape=lengths, strides=strides)

    def slice(
        self,
        name: str,
        x: Tensor,
        starts: Sequence[int],
        stops: Sequence[int],
        steps: Sequence[int] | None = None,
    ) -> Tensor:
        """As x[starts:stops:steps] in numpy, for every dimension. No task. Rows with exponents can
        be sliced in all dimensions but the last."""
        steps = [1] * len(x.shape) if steps is None else steps
        rank = len(x.shape)
        self._check(name, len(starts) == len(stops) == len(steps) == rank, f"{rank} dimensions")
        shape, strides, offset = [], [], x.offset
        for length, stride, *bounds in zip(x.shape, x.strides, starts, stops, steps, strict=True):
            self._check(name, bounds[2] != 0, "a step of 0")
            places = range(length)[bounds[0] : bounds[1] : bounds[2]]
            self._check(name, len(places) > 0, "nothing is left")
            shape.append(len(places))
            strides.append(stride * places.step)
            offset += stride * places.start
        if x.has_exponents:
            self._check(name, shape[-1] == x.shape[-1], "a row with an exponent cannot be cut")
        return replace(x, name=name, shape=tuple(shape), strides=tuple(strides), offset=offset)

    def contiguous(self, name: str, x: Tensor) -> Tensor:
        """x without gaps: itself, or a copy."""
        self._check_plain(name, x)
        if x.is_contiguous:
            return x
        result = self._new(name, x.shape, Result(x.dtype, x.zero, x.scale))
        self._copy(name, x, result)
        return result

    def concat(self, name: str, tensors: Sequence[Tensor], axis: int) -> Tensor:
        """One after the other along ``axis``. They agree in type and zero point."""
        self._check_plain(name, *tensors)
        self._check(name, bool(tensors), "nothing to concatenate")
        first, axis = tensors[0], axis % max(len(tensors[0].shape), 1)
        for x in tensors[1:]:
            same = [length for place, length in enumerate(x.shape) if place != axis]
            agree = same == [length for place, length in enumerate(first.shape) if place != axis]
            self._check(name, agree, f"{x.name} is {x.shape}, {first.name} {first.shape}")
            agree = (x.dtype, x.zero) == (first.dtype, first.zero)
            self._check(name, agree, f"{x.name} and {first.name} differ in type or zero point")
        # The axis goes first, so that each tensor is one range; the result is a view of that.
        order = [axis, *(place for place in range(len(first.shape)) if place != axis)]
        parts = [self.transpose(name, x, order) for x in tensors]
        length = sum(part.shape[0] for part in parts)
        shape = (length, *parts[0].shape[1:])
        joined = self._new(name, shape, Result(first.dtype, first.zero, first.scale))
        at = 0
        for part in parts:
            self._copy(name, part, replace(joined, offset=at * joined.strides[0]))
            at += part.shape[0]
        return self.transpose(name, joined, [order.index(place) for place in range(len(order))])

    def pad(
        self,
        name: str,
        x: Tensor,
        before: Sequence[int],
        after: Sequence[int],
        value: int | None = None,
    ) -> Tensor:
        """``before`` and ``after`` more numbers in each dimension; ``value``: the zero point, if
        None. At most 5 dimensions that are longer than 1."""
        self._check_plain(name, x)
        rank = len(x.shape)
        self._check(name, len(before) == len(after) == rank, f"{rank} dimensions")
        self._check(name, min([*before, *after, 0]) == 0, "pads below 0")
        shape = tuple(b + length + a for b, length, a in zip(before, x.shape, after, strict=True))
        result = self._new(name, shape, Result(x.dtype, x.zero, x.scale))
        kept = [place for place in range(rank) if shape[place] > 1]
        self._check(name, len(kept) <= _COPIED, "more than 5 dimensions")
        fill = x.zero if value is None else value
        packed_array(name, fill, x.dtype)
        self._copy_box(
            name,
            x,
            result,
            [shape[place] for place in kept],
            [x.strides[place] for place in kept],
            [before[place] for place in kept],
            [before[place] + x.shape[place] for place in kept],
            fill,
        )
        return result

    def _copy(self, name: str, x: Tensor, result: Tensor) -> None:
        """x to a range of a buffer, which ``result`` is, without gaps."""
        shape, (strides,) = collapsed(x.shape, x.strides)
        if len(shape) > _COPIED:
            for index in range(x.shape[0]):
                self._copy(name, _at(x, (index,)), _at(result, (index,)))
            return
        self._copy_box(name, x, result, shape, strides, [0] * len(shape), shape, 0)

    def _copy_box(
        self,
        name: str,
        x: Tensor,
        result: Tensor,
        shape: Sequence[int],
        strides: Sequence[int],
        low: Sequence[int],
        high: Sequence[int],
        fill: int,
    ) -> None:
        """Dimensions that are missing come last: the first one is what the plan cuts."""
        missing = _COPIED - len(shape)
        lengths = [*shape, *[1] * missing]
        steps = [*strides, *[0] * missing]
        lows, highs = [*low, *[0] * missing], [*high, *[1] * missing]
        corner = x.offset - sum(a * b for a, b in zip(low, strides, strict=True))
        task = Copy(
            out=result.offset,
            out_size=0,
            a_source=x.source,
            a=corner,
            size=x.dtype.size,
            pad_value=fill,
            first=0,
            count=lengths[0],
            **{f"stride_{n + 1}": steps[n] for n in range(5)},
            **{f"size_{n + 1}": lengths[n] for n in range(1, 5)},
            **{f"low_{n + 1}": lows[n] for n in range(5)},
            **{f"high_{n + 1}": highs[n] for n in range(5)},
        )
        self._add(name, task, {"out": result.buffer, "a": x.buffer})

    def gather(
        self,
        name: str,
        indices: Tensor,
        table: NDArray[np.integer] | Tensor,
        dtype: DType,
        multipliers: NDArray[np.integer],
        shift: int,
        result: Result,
    ) -> Tensor:
        """Rows of a table (rows × length, of ``dtype``; or a constant, which has one) by I32
        indices of any shape: the result's shape is that of the indices, and ``length``. Each number
        is multiplied by that of ``multipliers`` for its row, over 2^``shift``. There is no zero
        point. An index outside of the table is row 0."""
        self._check_words(name, indices)
        rows = table
        if not isinstance(rows, Tensor):
            rows = self.constant(f"{name}.table", rows, dtype)
        self._check(name, len(rows.shape) == 2, "the table is no matrix")
        self._check(name, np.shape(multipliers) == rows.shape[:1], "one multiplier for each row")
        self._check(name, result.zero == 0, "the result of a gather has no zero point")
        dense = self.contiguous(name, indices)
        made = self._new(name, (*indices.shape, rows.shape[1]), result)
        task = Gather(
            out=0,
            out_size=0,
            indices=dense.offset,
            table_source=rows.source,
            table=0,
            table_type=rows.dtype,
            table_stride=rows.strides[0],
            table_rows=rows.shape[0],
            length=rows.shape[1],
            multipliers=0,
            shift=shift,
            out_type=result.dtype,
            count=indices.size,
        )
        words = self._words(f"{name}.multipliers", multipliers)
        buffers = {"out": made.buffer, "indices": dense.buffer, "table": rows.buffer}
        self._add(name, task, {**buffers, "multipliers": words})
        return made

    def choose(self, name: str, condition: Tensor, threshold: int, a: Tensor, b: Tensor) -> Tensor:
        """a if the one number of ``condition``, I32, is above ``threshold``, else b, as a whole.
        They agree in shape, type and zero point."""
        self._check_words(name, condition)
        self._check(name, condition.size == 1, f"{condition.name} is more than one number")
        agree = (a.shape, a.dtype, a.zero) == (b.shape, b.dtype, b.zero)
        self._check(name, agree, f"{a.name} and {b.name} differ")
        left, right = self._in_arena(name, a), self._in_arena(name, b)
        result = self._new(name, a.shape, Result(a.dtype, a.zero, a.scale))
        size = a.size * a.dtype.size
        task = Choose(0, size, condition.offset, threshold, left.offset, right.offset)
        buffers = {"condition": condition.buffer, "a": left.buffer, "b": right.buffer}
        self._add(name, task, {"out": result.buffer, **buffers})
        return result

    def _in_arena(self, name: str, x: Tensor) -> Tensor:
        """x without gaps, and not in the blob."""
        if x.buffer.constant is None:
            return self.contiguous(name, x)
        result = self._new(name, x.shape, Result(x.dtype, x.zero, x.scale))
        self._copy(name, x, result)
        return result

    def _rows_of(self, name: str, x: Tensor) -> Tensor:
        """x in the arena, its last dimension without gaps."""
        if x.buffer.constant is not None:
            return self._in_arena(name, x)
        if x.shape and x.strides[-1] != x.dtype.size and x.shape[-1] > 1:
            return self.contiguous(name, x)
        return x


def _at(x: Tensor, place: Sequence[int]) -> Tensor:
    """The part of a tensor at one place of its first dimensions."""
    offset = x.offset + sum(i * stride for i, stride in zip(place, x.strides, strict=False))
    return replace(x, shape=x.shape[len(place) :], strides=x.strides[len(place) :], offset=offset)


def row_blocks(x: Tensor) -> list[tuple[int, int, int]]:
    """The rows of the last dimension, as few stretches of evenly spaced rows as can be: where each
    begins in the buffer, how many rows, and how far they are apart."""
    shape, (strides,) = collapsed(x.shape[:-1], x.strides[:-1])
    if not shape:
        return [(x.offset, 1, 0)]
    return [
        (
            x.offset + sum(i * s for i, s in zip(place, strides[:-1], strict=True)),
            shape[-1],
            strides[-1],
        )
        for place in np.ndindex(*shape[:-1])
    ]
