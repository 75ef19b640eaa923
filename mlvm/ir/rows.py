"""Operators on rows, which are the last dimension: softmax, norms, quantisation, reductions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mlvm.ir import fixed
from mlvm.ir.base import Result
from mlvm.ir.moves import Moves, row_blocks
from mlvm.ir.pictures import MEAN_SHIFT
from mlvm.ir.tensor import Tensor
from mlvm.tasks import NONE, DType, Norm, Quantise, Reduce, Reduction, Rotate, Softmax

#: Units of an epsilon, and bits behind the point of a normalised number.
EPSILON_BITS, UNIT_BITS = 40, 20


class Rows(Moves):
    """Words are I32 tensors; in most of these operators they count 2^-16."""

    def softmax(
        self,
        name: str,
        x: Tensor,
        multiplier: int,
        shift: int,
        *,
        dtype: DType = DType.I16,
        mask: Tensor | None = None,
        is_causal: bool = False,
        past: int = 0,
    ) -> Tensor:
        """e^x / Σ e^x of each row, in units of 2^-15; 1.0 is 32767 in 16 bits.

        x is x · multiplier / 2^shift, in units of 2^-16; it has no zero point, as that would change
        nothing. With ``mask``, I32 of one row's length, only numbers whose word is not 0 count.
        ``is_causal``: of row i of the last but one dimension, only the first ``past`` + i + 1.
        """
        self._check_plain(name, x)
        self._check(name, len(x.shape) > 1 or not is_causal, "one row cannot be causal")
        rows = self._rows_of(name, x)
        made = self._new(name, x.shape, Result(dtype, 0, 2.0**-15))
        table = self._words(f"{name}.exponentials", fixed.exponentials())
        buffers = {"out": made.buffer, "a": rows.buffer, "table": table}
        length = x.shape[-1]
        task = Softmax(
            out=0,
            out_size=0,
            a=0,
            a_type=x.dtype,
            a_stride=0,
            rows=0,
            length=length,
            valid=past + 1 if is_causal else length,
            mask=NONE,
            multiplier=multiplier,
            shift=shift,
            table=0,
            out_type=dtype,
            valid_step=int(is_causal),
        )
        if mask is not None:
            self._check_words(name, mask)
            self._check(name, mask.shape == (length,), f"a mask of {mask.shape}")
            dense = self._in_arena(name, mask)
            buffers["mask"] = dense.buffer
            task = replace(task, mask=dense.offset)
        at = 0
        for offset, count, stride in _blocks(rows, is_causal):
            block = replace(task, out=at, a=offset, a_stride=stride, rows=count)
            self._add(name, block, buffers)
            at += count * length * dtype.size
        return made

    def norm(
        self,
        name: str,
        x: Tensor,
        gamma: NDArray[np.floating] | float,
        beta: NDArray[np.floating] | None = None,
        *,
        epsilon: float = 0.0,
        is_centred: bool,
    ) -> Tensor:
        """LayerNorm (``is_centred``) or RMSNorm of rows of words in units of 2^-16, and so is the
        result: (x − mean) / √(mean of squares + epsilon) · gamma + beta. ``gamma``, ``beta`` and
        ``epsilon`` are real; one gamma, or one for each place in a row.

        The L2 norm, x / √Σx², is an RMSNorm with a gamma of 1 / √length.
        """
        self._check_words(name, x)
        rows, length = self._rows_of(name, x), x.shape[-1]
        made = self._new(name, x.shape, Result(DType.I32, 0, x.scale))
        scales = np.broadcast_to(np.asarray(gamma, np.float64), (length,))
        multipliers, bits = fixed.factors(scales)
        units = round(epsilon * 2.0**EPSILON_BITS)
        self._check(name, 0 <= units < 1 << 61, f"an epsilon of {epsilon}")
        buffers = {"out": made.buffer, "a": rows.buffer}
        buffers["gamma"] = self._words(f"{name}.gamma", multipliers)
        task = Norm(
            out=0,
            out_size=0,
            a=0,
            a_stride=0,
            rows=0,
            length=length,
            centred=int(is_centred),
            epsilon_high=units >> 32,
            epsilon_low=units & 0xFFFFFFFF,
            gamma=0,
            beta=NONE,
            shift=bits + UNIT_BITS - 16,
        )
        if beta is not None:
            self._check(name, np.shape(beta) == (length,), f"a beta of {np.shape(beta)}")
            words = fixed.words(np.asarray(beta, np.float64) * fixed.ONE)
            buffers["beta"] = self._words(f"{name}.beta", words)
            task = replace(task, beta=0)
        at = 0
        for offset, count, stride in row_blocks(rows):
            self._add(name, replace(task, out=at, a=offset, a_stride=stride, rows=count), buffers)
            at += 4 * count * length
        return made

    def quantise(self, name: str, x: Tensor) -> Tensor:
        """Rows of words as rows of 16 bits with exponents: each number is its own times
        2^exponent, rounded to the nearest; of a row, the exponent is as low as can be. What
        :meth:`matmul` and :meth:`product` are given."""
        self._check_words(name, x)
        self._check(name, bool(x.shape), "no rows")
        rows = self._rows_of(name, x)
        made = self._new(name, x.shape, Result(DType.I16, 0, x.scale), has_exponents=True)
        size = made.strides[-2] if len(made.shape) > 1 else 0
        at = 0
        for offset, count, stride in row_blocks(rows):
            task = Quantise(at, 0, offset, stride, count, x.shape[-1])
            self._add(name, task, {"out": made.buffer, "a": rows.buffer})
            at += count * size
        return made

    def rope(
        self,
        name: str,
        x: Tensor,
        cosines: NDArray[np.floating],
        sines: NDArray[np.floating],
    ) -> Tensor:
        """Rotary positions: words, tokens × … × d. Of each row, the numbers i and i + d/2 are
        turned by an angle: (a·cos − b·sin, a·sin + b·cos). ``cosines`` and ``sines`` are
        real, tokens × d/2, below 2 in size."""
        self._check_words(name, x)
        length = x.shape[-1]
        self._check(name, len(x.shape) > 1 and length % 2 == 0, f"tokens × … × even, not {x.shape}")
        expected = (x.shape[0], length // 2)
        shapes = (np.shape(cosines), np.shape(sines))
        self._check(name, shapes == (expected, expected), f"angles of {shapes}, not {expected}")
        rows = self.contiguous(name, x)
        made = self._new(name, x.shape, Result(DType.I32, 0, x.scale))
        table = np.concatenate([np.asarray(cosines), np.asarray(sines)], axis=1)
        task = Rotate(
            out=0,
            out_size=0,
            a=rows.offset,
            a_stride=4 * length,
            rows=x.size // length,
            length=length,
            table=0,
            table_stride=4 * length,
            repeat=x.size // length // x.shape[0],
        )
        words = self._words(f"{name}.angles", fixed.words(table * (1 << 30)))
        self._add(name, task, {"out": made.buffer, "a": rows.buffer, "table": words})
        return made

    # --- Reductions ---

    def sum(
        self,
        name: str,
        x: Tensor,
        axis: int,
        result: Result,
        *,
        mask: Tensor | None = None,
        multiplier: int = 1,
        shift: int = 0,
    ) -> Tensor:
        """Σ (x − x.zero) · multiplier / 2^shift along ``axis``, which goes; the zero point of the
        result is added. ``mask``: I32, of that axis's length: only numbers whose word is not 0
        count."""
        parts = (Reduction.SUM, False, multiplier, shift)
        return self._reduce(name, x, axis, parts, mask, result)

    def mean(
        self,
        name: str,
        x: Tensor,
        axis: int,
        result: Result,
        *,
        mask: Tensor | None = None,
        multiplier: int = 1,
        shift: int = MEAN_SHIFT,
    ) -> Tensor:
        """The same, divided by how many count: rounded down to units of 2^-12, times multiplier /
        2^(shift − 12), rounded."""
        parts = (Reduction.SUM, True, multiplier, shift)
        return self._reduce(name, x, axis, parts, mask, result)

    def max(
        self,
        name: str,
        x: Tensor,
        axis: int,
        *,
        mask: Tensor | None = None,
        multiplier: int = 1,
        shift: int = 0,
        result: Result | None = None,
    ) -> Tensor:
        """The highest x − x.zero, times multiplier / 2^shift; 0 where nothing counts."""
        result = result or Result(x.dtype, x.zero, x.scale)
        parts = (Reduction.MAX, False, multiplier, shift)
        return self._reduce(name, x, axis, parts, mask, result)

    def argmax(self, name: str, x: Tensor, axis: int, *, mask: Tensor | None = None) -> Tensor:
        """The place of the highest number, I32; of several, the first."""
        parts = (Reduction.ARGMAX, False, 1, 0)
        return self._reduce(name, x, axis, parts, mask, Result(DType.I32))

    def _reduce(
        self,
        name: str,
        x: Tensor,
        axis: int,
        parts: tuple[Reduction, bool, int, int],
        mask: Tensor | None,
        result: Result,
    ) -> Tensor:
        self._check_plain(name, x)
        self._check(name, -len(x.shape) <= axis < len(x.shape), f"no axis {axis} in {x.shape}")
        axis %= len(x.shape)
        rows = x if x.buffer.constant is None else self._in_arena(name, x)
        rest = [place for place in range(len(x.shape)) if place != axis]
        made = self._new(name, [x.shape[place] for place in rest], result)
        operation, is_mean, multiplier, shift = parts
        task = Reduce(
            out=0,
            out_size=0,
            operation=operation,
            a=0,
            a_type=x.dtype,
            a_zero=x.zero,
            row_stride=0,
            stride=0,
            rows=0,
            length=x.shape[axis],
            mask=NONE,
            is_mean=int(is_mean),
            multiplier=multiplier,
            shift=shift,
            **result.limits,
        )
        buffers = {"out": made.buffer, "a": rows.buffer}
        if mask is not None:
            self._check_words(name, mask)
            self._check(name, mask.shape == (x.shape[axis],), f"a mask of {mask.shape}")
            dense = self._in_arena(name, mask)
            buffers["mask"] = dense.buffer
            task = replace(task, mask=dense.offset)
        turned = self.transpose(name, rows, [*rest, axis])
        at = 0
        for offset, count, stride in row_blocks(turned):
            strides = {"row_stride": stride, "stride": turned.strides[-1]}
            self._add(name, replace(task, out=at, a=offset, rows=count, **strides), buffers)
            at += count * result.dtype.size
        return made


def _blocks(rows: Tensor, is_causal: bool) -> list[tuple[int, int, int]]:
    """The stretches of rows that one task can be made of: of a causal softmax, those of one
    matrix."""
    if not is_causal:
        return row_blocks(rows)
    count, stride = rows.shape[-2], rows.strides[-2]
    matrices = np.ndindex(*rows.shape[:-2])
    return [
        (rows.offset + sum(i * s for i, s in zip(place, rows.strides, strict=False)), count, stride)
        for place in matrices
    ]
