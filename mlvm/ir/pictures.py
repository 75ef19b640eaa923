"""Pooling over windows of pictures, height × width × channels."""

from __future__ import annotations

from mlvm.ir.base import Result
from mlvm.ir.moves import Moves
from mlvm.ir.products import out_length
from mlvm.ir.tensor import Tensor
from mlvm.tasks import Pool

#: The bits behind the point of a mean: a shift by so many makes it a number again.
MEAN_SHIFT = 12


class Pictures(Moves):
    """What a window sees outside of the picture does not count. ``pads``: top, left, bottom,
    right. The last windows may reach further than the pads: give the size of the result by them."""

    def max_pool(
        self,
        name: str,
        x: Tensor,
        kernel: tuple[int, int],
        strides: tuple[int, int],
        pads: tuple[int, int, int, int] = (0, 0, 0, 0),
    ) -> Tensor:
        """The highest number of each window; type, zero point and scale stay."""
        result = Result(x.dtype, x.zero, x.scale)
        return self._pool(name, x, kernel, strides, pads, False, 0, 1, 0, result)

    def average_pool(
        self,
        name: str,
        x: Tensor,
        kernel: tuple[int, int],
        strides: tuple[int, int],
        pads: tuple[int, int, int, int] = (0, 0, 0, 0),
        *,
        counts_pads: bool = False,
        multiplier: int = 1,
        shift: int = MEAN_SHIFT,
        result: Result | None = None,
    ) -> Tensor:
        """The mean of x − x.zero over each window, rounded down to units of 2^-12, times
        ``multiplier`` / 2^(``shift`` − 12), rounded; the zero point of the result is added. With
        ``counts_pads``, the mean is over as many numbers as the kernel has."""
        result = result or Result(x.dtype, x.zero, x.scale)
        divisor = kernel[0] * kernel[1] if counts_pads else 0
        return self._pool(name, x, kernel, strides, pads, True, divisor, multiplier, shift, result)

    def global_average_pool(
        self,
        name: str,
        x: Tensor,
        *,
        multiplier: int = 1,
        shift: int = MEAN_SHIFT,
        result: Result | None = None,
    ) -> Tensor:
        """:meth:`average_pool` over the whole picture: 1 × 1 × channels."""
        self._check(name, len(x.shape) == 3, f"a picture has 3 dimensions, not {x.shape}")
        kernel = (x.shape[0], x.shape[1])
        return self.average_pool(
            name, x, kernel, (1, 1), multiplier=multiplier, shift=shift, result=result
        )

    def _pool(
        self,
        name: str,
        x: Tensor,
        kernel: tuple[int, int],
        strides: tuple[int, int],
        pads: tuple[int, int, int, int],
        is_mean: bool,
        divisor: int,
        multiplier: int,
        shift: int,
        result: Result,
    ) -> Tensor:
        self._check_plain(name, x)
        self._check(name, len(x.shape) == 3, f"a picture has 3 dimensions, not {x.shape}")
        self._check(name, min(*kernel, *strides) > 0 <= min(pads), "kernel, strides, pads")
        height = out_length(x.shape[0], kernel[0], strides[0], 1, pads[0] + pads[2])
        width = out_length(x.shape[1], kernel[1], strides[1], 1, pads[1] + pads[3])
        self._check(name, height > 0 and width > 0, "the kernel is larger than the picture")
        picture = self._in_arena(name, x)
        made = self._new(name, (height, width, x.shape[2]), result)
        task = Pool(
            out=0,
            out_size=0,
            is_mean=int(is_mean),
            a=picture.offset,
            a_type=x.dtype,
            a_zero=x.zero,
            height=x.shape[0],
            width=x.shape[1],
            channels=x.shape[2],
            kernel_height=kernel[0],
            kernel_width=kernel[1],
            stride_y=strides[0],
            stride_x=strides[1],
            pad_top=pads[0],
            pad_left=pads[1],
            out_width=width,
            divisor=divisor,
            multiplier=multiplier,
            shift=shift,
            first_pixel=0,
            pixels=height * width,
            **result.limits,
        )
        self._add(name, task, {"out": made.buffer, "a": picture.buffer})
        return made
