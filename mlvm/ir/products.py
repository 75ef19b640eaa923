"""Convolutions and matrix products.

All of them are one kernel, a Dot: Σ a·b + bias in 64 bits, times a multiplier, over 2^shift,
rounded to the nearest, halves up; then the zero point of the result is added and its limits are
applied. The zero point of a is taken into account: the sums are over a − a.zero. b has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from mlvm.ir.base import Result
from mlvm.ir.moves import Moves, row_blocks
from mlvm.ir.tensor import Tensor
from mlvm.tasks import NONE, Dot, DType, Source

Integers = NDArray[np.integer]
#: Sums and their products with a multiplier stay below.
_LIMIT = 1 << 63


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights, output channels × all others, that the blob has once, however many products they
    are in. ``sums``: of each channel; ``largest``: the highest sum of their sizes."""

    constant: Tensor
    sums: NDArray[np.int64]
    largest: int


class Products(Moves):
    """``multipliers``: one number, or one for each output channel, of 32 bits."""

    def weights(self, name: str, values: Integers, dtype: DType) -> Weights:
        """Weights for several products: :meth:`matmul` takes them as it takes ``values``."""
        self._check(name, np.ndim(values) == 2, "weights are no matrix")
        sums = values.sum(axis=1, dtype=np.int64)
        largest = np.abs(values.astype(np.int32)).sum(axis=1, dtype=np.int64)
        return Weights(self.constant(f"{name}.weights", values, dtype), sums, int(largest.max()))

    def conv(
        self,
        name: str,
        x: Tensor,
        weights: Integers,
        bias: Integers | None,
        multipliers: Integers | int,
        shift: int,
        result: Result,
        *,
        strides: tuple[int, int] = (1, 1),
        pads: tuple[int, int, int, int] = (0, 0, 0, 0),
        dilations: tuple[int, int] = (1, 1),
        groups: int = 1,
        weight_type: DType = DType.I8,
    ) -> Tensor:
        """A picture x, height × width × channels, of 8 or 16 bits, with ``weights``: output
        channels × kernel height × kernel width × input channels of one group. Depthwise: as many
        groups as channels. ``pads``: top, left, bottom, right; they count as 0.0, so as x.zero.
        ``bias`` in units of the sums. The result is a picture."""
        self._check_plain(name, x)
        self._check(name, len(x.shape) == 3, f"a picture has 3 dimensions, not {x.shape}")
        self._check(name, np.ndim(weights) == 4, "weights have 4 dimensions")
        channels, kernel_height, kernel_width, group_size = map(int, weights.shape)
        self._check(name, groups > 0 and channels % groups == 0, f"{groups} groups")
        self._check(
            name,
            group_size * groups == x.shape[2],
            f"{groups} groups of {group_size} are not {x.shape[2]} channels",
        )
        self._check(name, min(*strides, *dilations) > 0 <= min(pads), "strides, dilations, pads")
        height = out_length(x.shape[0], kernel_height, strides[0], dilations[0], pads[0] + pads[2])
        width = out_length(x.shape[1], kernel_width, strides[1], dilations[1], pads[1] + pads[3])
        self._check(name, height > 0 and width > 0, "the kernel is larger than the picture")
        picture = self.contiguous(name, x)
        made = self._new(name, (height, width, channels), result)
        task = Dot(
            out=0,
            out_size=0,
            a_source=picture.source,
            a=picture.offset,
            a_type=x.dtype,
            a_stride=picture.strides[1],
            a_exponents=0,
            height=x.shape[0],
            width=x.shape[1],
            group_size=group_size,
            kernel_height=kernel_height,
            kernel_width=kernel_width,
            stride_y=strides[0],
            stride_x=strides[1],
            dilation_y=dilations[0],
            dilation_x=dilations[1],
            pad_top=pads[0],
            pad_left=pads[1],
            pad_value=x.zero,
            out_width=width,
            channels_per_group=channels // groups,
            b_source=Source.BLOB,
            b=0,
            b_type=weight_type,
            b_stride=kernel_height * kernel_width * group_size * weight_type.size,
            b_exponents=0,
            bias=NONE,
            multipliers=0,
            shift=shift,
            first_pixel=0,
            pixels=height * width,
            first_channel=0,
            channels=channels,
            **result.limits,
        )
        flat = self.weights(name, np.asarray(weights).reshape(channels, -1), weight_type)
        self._weighted(name, task, made, picture, flat, bias, multipliers)
        return made

    def conv1d(
        self,
        name: str,
        x: Tensor,
        weights: Integers,
        bias: Integers | None,
        multipliers: Integers | int,
        shift: int,
        result: Result,
        *,
        stride: int = 1,
        pads: tuple[int, int] = (0, 0),
        dilation: int = 1,
        groups: int = 1,
        weight_type: DType = DType.I8,
    ) -> Tensor:
        """As :meth:`conv`, of x length × channels with ``weights`` output channels × kernel length
        × input channels of one group."""
        self._check(name, len(x.shape) == 2, f"length × channels, not {x.shape}")
        self._check(name, np.ndim(weights) == 3, "weights have 3 dimensions")
        picture = self.reshape(name, x, (1, *x.shape))
        made = self.conv(
            name,
            picture,
            np.asarray(weights)[:, np.newaxis],
            bias,
            multipliers,
            shift,
            result,
            strides=(1, stride),
            pads=(0, pads[0], 0, pads[1]),
            dilations=(1, dilation),
            groups=groups,
            weight_type=weight_type,
        )
        return self.reshape(name, made, made.shape[1:])

    def matmul(
        self,
        name: str,
        x: Tensor,
        weights: Integers | Weights,
        bias: Integers | None,
        multipliers: Integers | int,
        shift: int,
        result: Result,
        *,
        weight_type: DType = DType.I8,
    ) -> Tensor:
        """Rows of x (… × inputs) with ``weights``, outputs × inputs: … × outputs.

        With exponents, the sum of a row, and the bias, count 2^exponent times: so there is no bias
        then; add it afterwards."""
        if not isinstance(weights, Weights):
            weights = self.weights(name, np.asarray(weights), weight_type)
        outputs, length = weights.constant.shape
        self._check(name, x.shape[-1:] == (length,), f"{x.shape} with weights of {length} inputs")
        self._check(name, not x.has_exponents or bias is None, "a bias of rows with exponents")
        rows = x if x.has_exponents else self._rows_of(name, x)
        made = self._new(name, (*x.shape[:-1], outputs), result)
        at, kind = 0, weights.constant.dtype
        for offset, count, stride in row_blocks(rows):
            task = _of_matrices(rows, offset, count, stride, length, outputs, shift, result, out=at)
            task = replace(task, b_type=kind, b_stride=length * kind.size)
            self._weighted(name, task, made, rows, weights, bias, multipliers)
            at += count * outputs * result.dtype.size
        return made

    def product(
        self, name: str, a: Tensor, b: Tensor, multiplier: int, shift: int, result: Result
    ) -> Tensor:
        """Rows with rows: a, … × m × k, and b, … × n × k, give … × m × n, each the sum over k. That
        is a · bᵀ, as of queries and keys. Both have the same dimensions before the last two, or b
        none. Both have no zero point; one with exponents counts 2^exponent times."""
        self._check(name, len(a.shape) >= 2 and len(b.shape) >= 2, "a and b are matrices")
        self._check(name, a.shape[-1] == b.shape[-1], f"{a.shape} with {b.shape}")
        outer = b.shape[:-2]
        self._check(name, outer in (a.shape[:-2], ()), f"{a.shape} with {b.shape}")
        self._check(name, a.zero == b.zero == 0, "a or b has a zero point")
        a, b = (x if x.has_exponents else self._rows_of(name, x) for x in (a, b))
        rows, columns, length = a.shape[-2], b.shape[-2], a.shape[-1]
        made = self._new(name, (*a.shape[:-1], columns), result)
        self._check_sums(name, a, 1 << 8 * b.dtype.size - 1, length, 0, abs(multiplier))
        multipliers = self._words(f"{name}.multipliers", np.full(columns, multiplier))
        for index, place in enumerate(np.ndindex(*a.shape[:-2])):
            task = _of_matrices(
                a,
                a.offset + _offset(place, a.strides),
                rows,
                a.strides[-2],
                length,
                columns,
                shift,
                result,
                out=index * rows * columns * result.dtype.size,
            )
            task = replace(
                task,
                b_source=b.source,
                b=b.offset + (_offset(place, b.strides) if outer else 0),
                b_type=b.dtype,
                b_stride=b.strides[-2],
                b_exponents=int(b.has_exponents),
            )
            buffers = {"out": made.buffer, "a": a.buffer, "b": b.buffer}
            self._add(name, task, {**buffers, "multipliers": multipliers})
        self.macs += prod(made.shape) * length
        return made

    def _weighted(
        self,
        name: str,
        task: Dot,
        made: Tensor,
        x: Tensor,
        weights: Weights,
        bias: Integers | None,
        multipliers: Integers | int,
    ) -> None:
        """A Dot with weights."""
        channels, inputs = weights.constant.shape
        scales = np.broadcast_to(np.asarray(multipliers), (channels,))
        offsets = np.zeros(channels, np.int64) if bias is None else np.asarray(bias)
        self._check(name, offsets.shape == (channels,), f"a bias of {offsets.shape}")
        self._check(name, offsets.dtype.kind in "iu", "a bias that is no integer")
        offsets = offsets.astype(np.int64) - x.zero * weights.sums
        highest = int(np.abs(offsets).max()), int(np.abs(scales).max())
        self._check_sums(name, x, weights.largest, 1, *highest)
        buffers = {"out": made.buffer, "a": x.buffer, "b": weights.constant.buffer}
        buffers["multipliers"] = self._words(f"{name}.multipliers", scales)
        if offsets.any():
            buffers["bias"] = self._words(f"{name}.bias", offsets, 8)
            task = replace(task, bias=0)
        self._add(name, task, buffers)
        self.macs += task.pixels * task.channels * inputs

    def _check_sums(
        self, name: str, a: Tensor, b: int, length: int, bias: int, multiplier: int
    ) -> None:
        """No sum of ``length`` products with numbers up to ``b`` wraps around, multiplied."""
        highest = max(-a.dtype.lowest, a.dtype.highest)
        largest = (highest * b * length + bias) * max(multiplier, 1)
        self._check(name, largest < _LIMIT, "sums may have more than 64 bits")


def _of_matrices(
    x: Tensor,
    offset: int,
    rows: int,
    stride: int,
    length: int,
    outputs: int,
    shift: int,
    result: Result,
    *,
    out: int,
) -> Dot:
    """A Dot of ``rows`` rows of x: pictures of width 1."""
    return Dot(
        out=out,
        out_size=0,
        a_source=x.source,
        a=offset,
        a_type=x.dtype,
        a_stride=stride,
        a_exponents=int(x.has_exponents),
        height=rows,
        width=1,
        group_size=length,
        kernel_height=1,
        kernel_width=1,
        stride_y=1,
        stride_x=1,
        dilation_y=1,
        dilation_x=1,
        pad_top=0,
        pad_left=0,
        pad_value=0,
        out_width=1,
        channels_per_group=outputs,
        b_source=Source.BLOB,
        b=0,
        b_type=DType.I8,
        b_stride=0,
        b_exponents=0,
        bias=NONE,
        multipliers=0,
        shift=shift,
        first_pixel=0,
        pixels=rows,
        first_channel=0,
        channels=outputs,
        **result.limits,
    )


def _offset(place: Sequence[int], strides: Sequence[int]) -> int:
    return sum(i * stride for i, stride in zip(place, strides, strict=False))


def out_length(length: int, kernel: int, stride: int, dilation: int, pads: int) -> int:
    return (length + pads - (kernel - 1) * dilation - 1) // stride + 1
