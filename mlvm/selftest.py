"""A test of the fast paths on this machine, before they are used.

That a path is exact follows from the rules of arithmetic; that this processor, BLAS and compiler
follow them is tested here, once in each process, on the numbers whose sums are the largest that the
bounds allow. A path that fails is not used, and said so.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from mlvm import compiled, exact, products
from mlvm.memory import Memory
from mlvm.tasks import (
    NONE,
    Binary,
    Dot,
    DType,
    Map,
    Norm,
    Operation,
    Pool,
    Quantise,
    Softmax,
    Source,
    Task,
)
from mlvm.threads import Threads

#: Bytes of blob and arena, and where in the blob there is a table of ones.
SIZE, ONES = 1 << 16, 0xF000
#: Numbers whose products are the largest, whose low bytes are, and noise.
_PATTERNS = (b"\x80", b"\x7f\xff", b"\xff", b"\x80\x7f", None)


def _memories() -> Iterator[Memory]:
    for pattern in _PATTERNS:
        noise = np.random.default_rng(0).bytes(2 * SIZE)
        data = noise if pattern is None else pattern * (2 * SIZE // len(pattern))
        arena = np.frombuffer(data[:SIZE], np.uint8).copy()
        ones = (1).to_bytes(4, "big") * ((SIZE - ONES) // 4)
        yield Memory(np.frombuffer(data[SIZE : SIZE + ONES] + ones, np.uint8), arena)


@cache
def is_sound(path: str) -> bool:
    """Whether a fast path of products gives what it has to."""
    for memory in _memories():
        for task in _DOTS[path]:
            fast = products.Products(memory, Threads(1), lambda name: name == path).dot(task)
            if fast is None or not np.array_equal(fast, exact.dot(task, memory)):
                return _refused(path)
    return True


@cache
def is_sound_kernel(kind: Any) -> bool:
    """The same of a compiled kernel."""
    for memory in _memories():
        for task in _TASKS[kind]:
            fast = compiled.KERNELS[kind](task, memory, Threads(1))
            if fast is None or not np.array_equal(fast, exact.KERNELS[kind](task, memory)):
                return _refused(kind.__name__)
    return True


def _refused(name: str) -> bool:
    logging.getLogger(__name__).warning(
        "the fast path '%s' computes wrongly on this machine and is not used", name
    )
    return False


# --- Tasks ----------------------------------------------------------------------------------------


def _dot(a_type: DType, b_type: DType, rows: int, length: int, columns: int, shift: int = 0) -> Dot:
    """A product of matrices that lie at the beginning of arena and blob. The result is the sum
    itself, over 2^``shift``: for what does not fit into 32 bits."""
    return Dot(
        out=0,
        out_size=0,
        a_source=Source.ARENA,
        a=0,
        a_type=a_type,
        a_stride=length * a_type.size,
        a_exponents=0,
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
        channels_per_group=columns,
        b_source=Source.BLOB,
        b=0,
        b_type=b_type,
        b_stride=length * b_type.size,
        b_exponents=0,
        bias=NONE,
        multipliers=ONES,
        shift=shift,
        out_type=DType.I32,
        out_zero=0,
        out_lowest=DType.I32.lowest,
        out_highest=DType.I32.highest,
        first_pixel=0,
        pixels=rows,
        first_channel=0,
        channels=columns,
    )


def _depthwise() -> Dot:
    """3 × 3 over 6 × 6 pixels of 37 channels, with pads."""
    return replace(
        _dot(DType.I16, DType.I8, 36, 37, 37),
        height=6,
        width=6,
        out_width=6,
        group_size=1,
        channels_per_group=1,
        kernel_height=3,
        kernel_width=3,
        b_stride=9,
        pad_top=1,
        pad_left=1,
        pad_value=-(1 << 15),
    )


#: For every path, shapes that reach the bound, and odd ones.
_DOTS = {
    products.FLOAT32: (
        _dot(DType.I8, DType.I8, 33, 1024, 17),
        _dot(DType.I8, DType.I8, 20, 2100, 15),
        _dot(DType.U8, DType.I8, 5, 515, 40),
        _dot(DType.I16, DType.I8, 19, 510, 21),
        _dot(DType.I8, DType.U8, 64, 127, 64),
    ),
    products.FLOAT64: (
        _dot(DType.I16, DType.I16, 15, 1031, 19, shift=10),
        _dot(DType.I16, DType.I16, 5, 1, 3),
    ),
    products.DEPTHWISE: (_depthwise(),),
    products.ROWS: (
        _dot(DType.I16, DType.I8, 3, 510, 21),
        _dot(DType.I8, DType.I8, 1, 255, 33),
        _dot(DType.U8, DType.I8, 2, 3, 1),
    ),
}


def _binary(operation: Operation) -> Binary:
    strides = {f"a_stride_{n}": 0 for n in (2, 3, 4)} | {f"b_stride_{n}": 0 for n in range(1, 5)}
    limits = {"out_type": DType.I32, "out_zero": -7, "out_lowest": -(10**9), "out_highest": 10**9}
    operands = {"a": 0, "a_type": DType.I32, "a_zero": 5, "a_multiplier": -(1 << 31)}
    second = {"b_source": Source.BLOB, "b": 4, "b_type": DType.I32, "b_zero": -5}
    factors = {"b_multiplier": (1 << 31) - 1, "multiplier": 3, "shift": 33}
    shape = {"size_2": 1, "size_3": 1, "size_4": 1, "first": 0, "count": 300}
    return Binary(0, 0, operation, a_stride_1=4, **operands, **strides, **second, **factors,
                  **limits, **shape)  # fmt: skip


def _pool(is_mean: int) -> Pool:
    limits = {"out_type": DType.I16, "out_zero": 1, "out_lowest": -30000, "out_highest": 30000}
    picture = {"a": 0, "a_type": DType.I16, "a_zero": -9, "height": 9, "width": 9, "channels": 33}
    window = {"kernel_height": 3, "kernel_width": 3, "stride_y": 2, "stride_x": 2}
    pads = {"pad_top": 1, "pad_left": 1, "out_width": 5, "divisor": 0}
    factor = {"multiplier": 3 if is_mean else 1, "shift": 13 if is_mean else 0}
    return Pool(0, 0, is_mean, **picture, **window, **pads, **factor, **limits, first_pixel=0,
                pixels=25)  # fmt: skip


_TASKS: dict[type[Task], tuple[Task, ...]] = {
    Map: (
        Map(0, 0, 0, DType.I32, 0, 64, -(1 << 17), 12, 1 << 15, DType.I32, 500),
        Map(0, 0, 0, DType.I16, 0, 64, -(1 << 14), 9, -7, DType.I8, 500),
        Map(0, 0, 0, DType.I8, 0, 0, 0, 0, 0, DType.I16, 500),
    ),
    Binary: tuple(map(_binary, Operation)),
    Softmax: (
        Softmax(0, 0, 0, DType.I32, 280, 9, 70, 70, NONE, 1, 14, 0, DType.I16, 0),
        Softmax(0, 0, 0, DType.I16, 140, 9, 70, 1, 8, 9, 0, 0, DType.I32, 7),
    ),
    Norm: (
        Norm(0, 0, 0, 400, 9, 100, 1, 0, 10**7, 0, 400, 34),
        Norm(0, 0, 0, 400, 9, 100, 0, 0, 0, 0, NONE, 20),
    ),
    Quantise: (Quantise(0, 0, 0, 404, 9, 101),),
    Pool: (_pool(0), _pool(1)),
}
