"""Kernels other than products, compiled: for tasks whose operands are all inside of blob and arena.

Each function gives what :mod:`mlvm.exact` gives, or None where it is not for the task.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvm.checks import quantised_row_size
from mlvm.kernels import pictures, pointwise, rows
from mlvm.memory import STORED, WORD, Array, Memory
from mlvm.pictures import taps
from mlvm.reach import SOFTMAX_WORDS
from mlvm.tasks import Binary, DType, Map, Norm, Pool, Quantise, Softmax, Source, Task
from mlvm.threads import Threads
from mlvm.trees import ByteArray

Ints = NDArray[np.int32]


def _ints(array: Array) -> Ints:
    return np.ascontiguousarray(array, np.int32)


def stored(out: Ints, dtype: int) -> ByteArray:
    """Numbers that fit their type, as they are in the arena."""
    found: ByteArray = out.astype(STORED[DType(dtype)]).view(np.uint8).reshape(-1)
    return found


def type_limits(dtype: int) -> tuple[int, int]:
    return DType(dtype).lowest, DType(dtype).highest


def limits(task: Any) -> tuple[int, int]:
    """The limits of a result: those of its type come last, so they apply to the others, too."""
    lowest, highest = type_limits(task.out_type)
    return tuple(min(max(bound, lowest), highest) for bound in (task.out_lowest, task.out_highest))


def _settings(*values: int) -> NDArray[np.int64]:
    return np.array(values, np.int64)


# --- Rows -----------------------------------------------------------------------------------------


def _rows(task: Any, memory: Memory, dtype: int) -> Ints | None:
    kind = STORED[DType(dtype)]
    shape = (task.rows, task.length)
    view = memory.view(Source.ARENA, task.a, kind, (task.a_stride, kind.itemsize), shape)
    return None if view is None else _ints(view)


def softmax(task: Softmax, memory: Memory, threads: Threads) -> ByteArray | None:
    values = _rows(task, memory, task.a_type)
    if values is None:
        return None
    valid = task.valid + np.arange(task.rows) * task.valid_step
    counts = _ints(memory.counts(task.mask, task.length))
    table = _ints(memory.row(Source.BLOB, task.table, WORD, SOFTMAX_WORDS))
    scale = _settings(task.multiplier, task.shift, *type_limits(task.out_type))
    out = np.empty(values.shape, np.int32)
    threads.over(
        task.rows,
        8 * task.length,
        lambda part: rows.softmax(values[part], valid[part], counts, table, scale, out[part]),
    )
    return stored(out, task.out_type)


def norm(task: Norm, memory: Memory, threads: Threads) -> ByteArray | None:
    values = _rows(task, memory, DType.I32)
    if values is None:
        return None
    gamma, beta = (memory.table(at, 0, task.length) for at in (task.gamma, task.beta))
    epsilon = task.epsilon_high << 32 | task.epsilon_low
    setting = _settings(task.centred, epsilon, task.shift)
    out = np.empty(values.shape, np.int32)
    threads.over(
        task.rows,
        4 * task.length,
        lambda part: rows.norm(values[part], gamma, beta, setting, out[part]),
    )
    return stored(out, DType.I32)


def quantise(task: Quantise, memory: Memory, threads: Threads) -> ByteArray | None:
    values = _rows(task, memory, DType.I32)
    if values is None:
        return None
    exponents, halves = np.empty(task.rows, np.int32), np.empty(values.shape, np.int32)
    threads.over(
        task.rows,
        task.length,
        lambda part: rows.quantise(values[part], exponents[part], halves[part]),
    )
    out = np.zeros((task.rows, quantised_row_size(task.length)), np.uint8)
    out[:, :4] = stored(exponents, DType.I32).reshape(-1, 4)
    out[:, 4 : 4 + 2 * task.length] = stored(halves, DType.I16).reshape(task.rows, -1)
    return out.reshape(-1)


# --- Single numbers -------------------------------------------------------------------------------


def map_(task: Map, memory: Memory, threads: Threads) -> ByteArray | None:
    kind = STORED[DType(task.a_type)]
    view = memory.view(Source.ARENA, task.a, kind, (kind.itemsize,), (task.count,))
    if view is None:
        return None
    if kind.itemsize == 1:
        words = memory.row(Source.BLOB, task.table, WORD, 256)
        results = stored(_ints(np.clip(words, *type_limits(task.out_type))), task.out_type)
        return results.reshape(256, -1)[view.view(np.uint8)].reshape(-1)
    values = _ints(view)
    table = _ints(memory.row(Source.BLOB, task.table, WORD, task.segments + 1))
    setting = _settings(task.low, task.step, task.slope, *type_limits(task.out_type))
    out = np.empty(task.count, np.int32)
    threads.over(
        task.count,
        2,
        lambda part: pointwise.interpolate(values[part], table, setting, out[part]),
    )
    return stored(out, task.out_type)


def binary(task: Binary, memory: Memory, threads: Threads) -> ByteArray | None:
    a_strides = (task.a_stride_1, task.a_stride_2, task.a_stride_3, task.a_stride_4)
    b_strides = (task.b_stride_1, task.b_stride_2, task.b_stride_3, task.b_stride_4)
    a = _operand(task, memory, Source.ARENA, task.a, task.a_type, a_strides)
    b = _operand(task, memory, task.b_source, task.b, task.b_type, b_strides)
    if a is None or b is None:
        return None
    setting = _settings(
        *(task.operation, task.a_zero, task.b_zero, task.a_multiplier, task.b_multiplier),
        *(task.multiplier, task.shift, task.out_zero, *limits(task)),
    )
    out = np.empty(task.count, np.int32)
    threads.over(task.count, 1, lambda part: pointwise.binary(a[part], b[part], setting, out[part]))
    return stored(out, task.out_type)


def _operand(
    task: Binary, memory: Memory, source: int, at: int, dtype: int, strides: tuple[int, ...]
) -> Ints | None:
    """The numbers of a task that begins at the beginning of a place of the first dimension."""
    inner = task.size_2 * task.size_3 * task.size_4
    if task.first % inner or task.count % inner:
        return None
    kind = STORED[DType(dtype)]
    shape = (task.count // inner, task.size_2, task.size_3, task.size_4)
    view = memory.view(source, at + task.first // inner * strides[0], kind, strides, shape)
    return None if view is None else _ints(view).reshape(-1)


# --- Pictures -------------------------------------------------------------------------------------


def pool(task: Pool, memory: Memory, threads: Threads) -> ByteArray | None:
    kind = STORED[DType(task.a_type)]
    strides = (task.channels * kind.itemsize, kind.itemsize)
    shape = (task.height * task.width, task.channels)
    view = memory.view(Source.ARENA, task.a, kind, strides, shape)
    if view is None:
        return None
    picture = np.zeros((shape[0] + 1, task.channels), np.int32)
    picture[:-1] = view
    places = taps(task)
    setting = _settings(
        *(task.is_mean, task.divisor, task.a_zero, task.multiplier, task.shift, task.out_zero),
        *limits(task),
    )
    out = np.empty((task.pixels, task.channels), np.int32)
    threads.over(
        task.pixels,
        task.channels * places.shape[1],
        lambda part: pictures.pool(picture, places[part], setting, out[part]),
    )
    return stored(out, task.out_type)


KERNELS: dict[type[Task], Callable[[Any, Memory, Threads], ByteArray | None]] = {
    Softmax: softmax,
    Norm: norm,
    Quantise: quantise,
    Map: map_,
    Binary: binary,
    Pool: pool,
}
