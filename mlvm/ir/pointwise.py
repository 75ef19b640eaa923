"""Operators on single numbers, of one tensor or of two with broadcasting."""

from __future__ import annotations

import numpy as np

from mlvm.ir.base import Result
from mlvm.ir.moves import Moves
from mlvm.ir.tensor import Table, Tensor, collapsed
from mlvm.tasks import Binary, DType, Map, Operation

#: Dimensions of a Binary.
_DIMENSIONS = 4


class Pointwise(Moves):
    """Zero points of operands are taken off first; that of the result is added last."""

    def map(self, name: str, x: Tensor, table: Table, result: Result) -> Tensor:
        """A function by table (:mod:`mlvm.ir.fixed` makes them). It is of the numbers as they are:
        zero points are the table's affair. Results are limited to their type."""
        self._check_plain(name, x)
        is_byte = x.dtype.size == 1
        self._check(name, not is_byte or len(table.words) == 256, "a table of 256 words")
        self._check(name, is_byte or len(table.words) > 1, "a table of 2 words at least")
        dense = self._in_arena(name, x)
        made = self._new(name, x.shape, result)
        task = Map(
            out=0,
            out_size=0,
            a=dense.offset,
            a_type=x.dtype,
            table=0,
            segments=0 if is_byte else len(table.words) - 1,
            low=table.low,
            step=table.step,
            slope=table.slope,
            out_type=result.dtype,
            count=x.size,
        )
        words = self._words(f"{name}.table", table.words)
        self._add(name, task, {"out": made.buffer, "a": dense.buffer, "table": words})
        return made

    def add(
        self,
        name: str,
        a: Tensor,
        b: Tensor,
        result: Result,
        *,
        a_multiplier: int = 1,
        b_multiplier: int = 1,
        shift: int = 0,
    ) -> Tensor:
        """(a · a_multiplier + b · b_multiplier) / 2^shift. For a difference, b_multiplier is below
        0."""
        factors = (a_multiplier, b_multiplier, 1)
        return self._binary(name, Operation.ADD, a, b, factors, shift, result)

    def maximum(
        self,
        name: str,
        a: Tensor,
        b: Tensor,
        result: Result,
        *,
        a_multiplier: int = 1,
        b_multiplier: int = 1,
        shift: int = 0,
    ) -> Tensor:
        """The higher of a · a_multiplier and b · b_multiplier, over 2^shift."""
        factors = (a_multiplier, b_multiplier, 1)
        return self._binary(name, Operation.MAX, a, b, factors, shift, result)

    def minimum(
        self,
        name: str,
        a: Tensor,
        b: Tensor,
        result: Result,
        *,
        a_multiplier: int = 1,
        b_multiplier: int = 1,
        shift: int = 0,
    ) -> Tensor:
        """The lower of the two."""
        factors = (a_multiplier, b_multiplier, 1)
        return self._binary(name, Operation.MIN, a, b, factors, shift, result)

    def mul(
        self, name: str, a: Tensor, b: Tensor, result: Result, *, multiplier: int = 1, shift: int
    ) -> Tensor:
        """a · b · multiplier / 2^shift. a · b · multiplier must stay within 64 bits."""
        bits = 8 * (a.dtype.size + b.dtype.size) - 2 + int(abs(multiplier)).bit_length()
        self._check(name, bits < 64, "products may have more than 64 bits")
        return self._binary(name, Operation.MUL, a, b, (1, 1, multiplier), shift, result)

    def rescale(self, name: str, x: Tensor, multiplier: int, shift: int, result: Result) -> Tensor:
        """x · multiplier / 2^shift in another type: to change type, scale and zero point."""
        nothing = self.constant(f"{name}.nothing", np.zeros(1, np.int8), DType.I8)
        return self.add(name, x, nothing, result, a_multiplier=multiplier, shift=shift)

    def _binary(
        self,
        name: str,
        operation: Operation,
        a: Tensor,
        b: Tensor,
        factors: tuple[int, int, int],
        shift: int,
        result: Result,
    ) -> Tensor:
        self._check_plain(name, a, b)
        try:
            shape = np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            self._check(name, False, f"{a.shape} with {b.shape}")
        if a.buffer.constant is not None and b.buffer.constant is None:
            a, b = b, a
            factors = (factors[1], factors[0], factors[2])
        a = a if a.buffer.constant is None else self._in_arena(name, a)
        lengths, steps = collapsed(shape, _broadcast(a, shape), _broadcast(b, shape))
        if len(lengths) > _DIMENSIONS:
            a, b = self.contiguous(name, a), self.contiguous(name, b)
            lengths, steps = collapsed(shape, _broadcast(a, shape), _broadcast(b, shape))
        self._check(name, len(lengths) <= _DIMENSIONS, "more than 4 dimensions")
        missing = _DIMENSIONS - len(lengths)
        lengths = (*lengths, *[1] * missing)
        a_steps, b_steps = ((*step, *[0] * missing) for step in steps)
        made = self._new(name, shape, result)
        task = Binary(
            out=0,
            out_size=0,
            operation=operation,
            a=a.offset,
            a_type=a.dtype,
            a_zero=a.zero,
            a_multiplier=factors[0],
            b_source=b.source,
            b=b.offset,
            b_type=b.dtype,
            b_zero=b.zero,
            b_multiplier=factors[1],
            multiplier=factors[2],
            shift=shift,
            first=0,
            count=made.size,
            **{f"a_stride_{n + 1}": a_steps[n] for n in range(4)},
            **{f"b_stride_{n + 1}": b_steps[n] for n in range(4)},
            **{f"size_{n + 1}": lengths[n] for n in range(1, 4)},
            **result.limits,
        )
        self._add(name, task, {"out": made.buffer, "a": a.buffer, "b": b.buffer})
        return made


def _broadcast(x: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of x in a larger shape."""
    missing = len(shape) - len(x.shape)
    strides = zip(x.shape, x.strides, strict=True)
    return (*[0] * missing, *(0 if length == 1 else stride for length, stride in strides))
