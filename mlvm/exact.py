"""All kernels on whole arrays of 64-bit numbers: as :mod:`mlvm.spec`, for every record, fast enough
for what is rare. What is frequent has its own, faster way (:mod:`mlvm.engine`).

Arrays of int64 wrap around silently, as the specification does.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import Any

import numpy as np

from mlvm.checks import quantised_row_size
from mlvm.memory import LONG, STORED, WORD, Memory, Numbers, Stored, numbers, packed
from mlvm.tasks import (
    MASK32,
    NONE,
    Binary,
    Choose,
    Copy,
    Dot,
    DType,
    Gather,
    Map,
    Norm,
    Operation,
    Pool,
    Quantise,
    Reduce,
    Reduction,
    Rotate,
    Softmax,
    Source,
    Task,
)
from mlvm.trees import ByteArray

# --- Arithmetic -----------------------------------------------------------------------------------


def shifted(values: Numbers, shift: int | Numbers) -> Numbers:
    """values / 2^shift, rounded to the nearest, halves up; times 2^-shift, if it is negative."""
    if isinstance(shift, int):
        shift = max(-63, min(shift, 63))
        if shift <= 0:
            return values << -shift
        return (values + (1 << (shift - 1))) >> shift
    shift = np.clip(shift, -63, 63)
    half = np.int64(1) << np.maximum(shift - 1, 0)
    right = (values + half) >> np.maximum(shift, 0)
    result: Numbers = np.where(shift > 0, right, values << np.maximum(-shift, 0))
    return result


def requantised(values: Numbers, multiplier: int | Numbers, shift: int | Numbers) -> Numbers:
    """values · multiplier / 2^shift, rounded."""
    return shifted(values * multiplier, shift)


def finished(task: Any, values: Numbers) -> ByteArray:
    """The end of many tasks: zero point, limits, type."""
    values = np.minimum(values + task.out_zero, task.out_highest)
    return packed(np.maximum(values, task.out_lowest), task.out_type)


# --- Dot ------------------------------------------------------------------------------------------


def dot(task: Dot, memory: Memory) -> ByteArray:
    bias = memory.table(task.bias, task.first_channel, task.channels, LONG)
    totals = np.broadcast_to(bias, (task.pixels, task.channels)).copy()
    for group, channels in groups(task):
        totals[:, channels] += _group_totals(task, memory, group, channels)
    return finish_dot(task, memory, totals)


def groups(task: Dot) -> list[tuple[int, slice]]:
    """The groups of a tile, and which of its channels belong to each."""
    size, end = task.channels_per_group, task.first_channel + task.channels
    first = task.first_channel
    found = []
    while first < end:
        behind = min((first // size + 1) * size, end)
        channels = slice(first - task.first_channel, behind - task.first_channel)
        found.append((first // size, channels))
        first = behind
    return found


def _group_totals(task: Dot, memory: Memory, group: int, channels: slice) -> Numbers:
    """Σ a·b of some channels, all of one group, tap by tap."""
    count = channels.stop - channels.start
    totals = np.zeros((task.pixels, count), np.int64)
    stored = STORED[DType(task.b_type)]
    first = task.b + (task.first_channel + channels.start) * task.b_stride
    tap_size = task.group_size * stored.itemsize
    for tap in range(task.kernel_height * task.kernel_width):
        a = _tap(task, memory, group, *divmod(tap, task.kernel_width))
        strides, shape = (task.b_stride, stored.itemsize), (count, task.group_size)
        b = memory.tensor(task.b_source, first + tap * tap_size, stored, strides, shape)
        totals += a @ numbers(b).T
    return totals


def _tap(task: Dot, memory: Memory, group: int, ky: int, kx: int) -> Numbers:
    """What the pixels of a tile see at one place of the kernel: pixels × channels of the group."""
    stored = STORED[DType(task.a_type)]
    pixels = np.arange(task.first_pixel, task.first_pixel + task.pixels)
    y = pixels // task.out_width * task.stride_y + ky * task.dilation_y - task.pad_top
    x = pixels % task.out_width * task.stride_x + kx * task.dilation_x - task.pad_left
    inside = (y >= 0) & (y < task.height) & (x >= 0) & (x < task.width)
    at = task.a + (y * task.width + x) * task.a_stride + group * task.group_size * stored.itemsize
    columns = np.arange(task.group_size) * stored.itemsize
    found = np.full((task.pixels, task.group_size), task.pad_value, np.int64)
    addresses = at[inside][:, np.newaxis] + columns
    found[inside] = memory.at(task.a_source, addresses, stored)
    return found


def finish_dot(task: Dot, memory: Memory, totals: Numbers) -> ByteArray:
    """From the sums, pixels × channels, to what is written."""
    multipliers = memory.table(task.multipliers, task.first_channel, task.channels)
    return finished(task, requantised(totals, multipliers, dot_shift(task, memory)))


def dot_shift(task: Dot, memory: Memory) -> int | Numbers:
    """The shift of every output, less the exponents of its two rows."""
    if not task.a_exponents and not task.b_exponents:
        return task.shift
    shift = np.full((task.pixels, task.channels), task.shift, np.int64)
    if task.a_exponents:
        at = task.a + task.first_pixel * task.a_stride - 4
        shift -= exponents(memory, task.a_source, at, task.a_stride, task.pixels)[:, np.newaxis]
    if task.b_exponents:
        at = task.b + task.first_channel * task.b_stride - 4
        shift -= exponents(memory, task.b_source, at, task.b_stride, task.channels)
    return shift


def exponents(memory: Memory, source: int, at: int, stride: int, count: int) -> Numbers:
    return numbers(memory.tensor(source, at, WORD, (stride,), (count,)))


# --- Pointwise ------------------------------------------------------------------------------------


def map_(task: Map, memory: Memory) -> ByteArray:
    values = memory.row(Source.ARENA, task.a, STORED[DType(task.a_type)], task.count)
    if DType(task.a_type).size == 1:
        table = memory.row(Source.BLOB, task.table, WORD, 256)
        return packed(table[values & 255], task.out_type)
    return packed(_interpolated(task, memory, values), task.out_type)


def _interpolated(task: Map, memory: Memory, values: Numbers) -> Numbers:
    table = memory.row(Source.BLOB, task.table, WORD, task.segments + 1)
    end = task.segments << task.step
    offsets = values - task.low
    at = np.clip(offsets >> task.step, 0, task.segments - 1)
    rest = offsets & ((1 << task.step) - 1)
    left, right = table[at], table[at + 1]
    inside = left + shifted((right - left) * rest, task.step)
    above = table[-1] + shifted((offsets - end) * task.slope, 16)
    result: Numbers = np.where(offsets < 0, table[0], np.where(offsets >= end, above, inside))
    return result


def binary(task: Binary, memory: Memory) -> ByteArray:
    a_strides = (task.a_stride_1, task.a_stride_2, task.a_stride_3, task.a_stride_4)
    b_strides = (task.b_stride_1, task.b_stride_2, task.b_stride_3, task.b_stride_4)
    a = _operand(task, memory, Source.ARENA, task.a, task.a_type, a_strides) - task.a_zero
    b = _operand(task, memory, task.b_source, task.b, task.b_type, b_strides) - task.b_zero
    if task.operation == Operation.MUL:
        return finished(task, requantised(a * b, task.multiplier, task.shift))
    a, b = a * task.a_multiplier, b * task.b_multiplier
    if task.operation == Operation.ADD:
        return finished(task, shifted(a + b, task.shift))
    best: Numbers = np.maximum(a, b) if task.operation == Operation.MAX else np.minimum(a, b)
    return finished(task, shifted(best, task.shift))


def _operand(
    task: Binary, memory: Memory, source: int, at: int, dtype: int, strides: tuple[int, ...]
) -> Numbers:
    """The numbers ``first`` to ``first`` + ``count`` − 1 of a tensor: of all places of its first
    dimension that they lie at."""
    stored = STORED[DType(dtype)]
    inner = task.size_2 * task.size_3 * task.size_4
    low, high = task.first // inner, (task.first + task.count - 1) // inner
    if (high - low + 1) * inner > 2 * task.count:
        return _scattered(task, memory, source, at, stored, strides)
    shape = (high - low + 1, task.size_2, task.size_3, task.size_4)
    found = memory.tensor(source, at + low * strides[0], stored, strides, shape)
    first = task.first - low * inner
    return numbers(found).reshape(-1)[first : first + task.count]


def _scattered(
    task: Binary,
    memory: Memory,
    source: int,
    at: int,
    stored: Stored,
    strides: tuple[int, ...],
) -> Numbers:
    index = np.arange(task.first, task.first + task.count)
    addresses = np.full(task.count, at)
    for size, stride in zip(
        (task.size_4, task.size_3, task.size_2), reversed(strides[1:]), strict=True
    ):
        addresses += index % size * stride
        index //= size
    return numbers(memory.at(source, addresses + index * strides[0], stored))


# --- Rows -----------------------------------------------------------------------------------------


def _rows(memory: Memory, at: int, stride: int, rows: int, length: int, dtype: int) -> Numbers:
    stored = STORED[DType(dtype)]
    strides = (stride, stored.itemsize)
    return numbers(memory.tensor(Source.ARENA, at, stored, strides, (rows, length)))


def softmax(task: Softmax, memory: Memory) -> ByteArray:
    values = _rows(memory, task.a, task.a_stride, task.rows, task.length, task.a_type)
    values = requantised(values, task.multiplier, task.shift)
    valid = task.valid + np.arange(task.rows) * task.valid_step
    counts = np.arange(task.length) < valid[:, np.newaxis]
    counts &= memory.counts(task.mask, task.length)
    lowest = np.iinfo(np.int64).min
    highest = np.where(counts, values, lowest).max(axis=1, keepdims=True)
    powers = np.where(counts, _exponentials(task, memory, highest - values), 0)
    totals = powers.sum(axis=1, keepdims=True)
    inverse = np.where(totals > 0, (1 << 61) // np.maximum(totals, 1), 0)
    return packed(shifted(powers * inverse, 46), task.out_type)


def _exponentials(task: Softmax, memory: Memory, below: Numbers) -> Numbers:
    """e^(-below / 2^16), in units of 2^-30."""
    table = memory.row(Source.BLOB, task.table, WORD, 16 + 256 + 256)
    inside = (below >= 0) & (below < 16 << 16)
    at = np.where(inside, below, 0)
    whole, high, low = table[at >> 16], table[16 + (at >> 8 & 255)], table[272 + (at & 255)]
    return np.where(inside, shifted(shifted(whole * high, 30) * low, 30), 0)


def norm(task: Norm, memory: Memory) -> ByteArray:
    values = _rows(memory, task.a, task.a_stride, task.rows, task.length, DType.I32)
    if task.centred:
        values = values - values.sum(axis=1, keepdims=True) // task.length
    epsilon = task.epsilon_high << 32 | task.epsilon_low
    gamma = memory.table(task.gamma, 0, task.length)
    beta = memory.table(task.beta, 0, task.length)
    drop = np.maximum(0, bit_length(np.abs(values).max(axis=1)) - 20)
    values = shifted(values, drop[:, np.newaxis])
    squares = ((values * values).sum(axis=1) << 8) // task.length
    squares = np.clip(squares + (epsilon >> 2 * drop), 1, (1 << 62) - 1)
    up = (62 - bit_length(squares)) // 2
    roots = np.array([isqrt(square) for square in (squares << 2 * up).tolist()], np.int64)
    inverse = (1 << 61) // roots
    units = shifted(values * inverse[:, np.newaxis], (37 - up)[:, np.newaxis])
    return packed(requantised(units, gamma, task.shift) + beta, DType.I32)


def bit_length(values: Numbers) -> Numbers:
    """Of numbers from 0 to 2^63 − 1, as int.bit_length."""
    length = np.zeros(values.shape, np.int64)
    rest = values.copy()
    for step in (32, 16, 8, 4, 2, 1):
        high = rest >> step
        length += np.where(high > 0, step, 0)
        rest = np.where(high > 0, high, rest)
    return length + rest


def quantise(task: Quantise, memory: Memory) -> ByteArray:
    values = _rows(memory, task.a, task.a_stride, task.rows, task.length, DType.I32)
    exponents = np.maximum(0, bit_length(np.abs(values).max(axis=1)) - 15)
    size = quantised_row_size(task.length)
    out = np.zeros((task.rows, size), np.uint8)
    out[:, :4] = packed(exponents, DType.I32).reshape(-1, 4)
    halves = packed(shifted(values, exponents[:, np.newaxis]), DType.I16)
    out[:, 4 : 4 + 2 * task.length] = halves.reshape(task.rows, -1)
    return out.reshape(-1)


def reduce_(task: Reduce, memory: Memory) -> ByteArray:
    stored = STORED[DType(task.a_type)]
    strides, shape = (task.row_stride, task.stride), (task.rows, task.length)
    values = numbers(memory.tensor(Source.ARENA, task.a, stored, strides, shape))
    counts = memory.counts(task.mask, task.length)
    if not counts.any():
        return finished(task, np.zeros(task.rows, np.int64))
    values = values[:, counts]
    if task.operation == Reduction.ARGMAX:
        return finished(task, np.flatnonzero(counts)[values.argmax(axis=1)])
    values = values - task.a_zero
    if task.operation == Reduction.MAX:
        return finished(task, requantised(values.max(axis=1), task.multiplier, task.shift))
    totals = values.sum(axis=1)
    if task.is_mean:
        totals = (totals << 12) // values.shape[1]
    return finished(task, requantised(totals, task.multiplier, task.shift))


def rotate(task: Rotate, memory: Memory) -> ByteArray:
    half = task.length // 2
    values = _rows(memory, task.a, task.a_stride, task.rows, task.length, DType.I32)
    tables = (task.rows - 1) // task.repeat + 1
    strides, shape = (task.table_stride, 4), (tables, task.length)
    angles = numbers(memory.tensor(Source.BLOB, task.table, WORD, strides, shape))
    angles = angles[np.arange(task.rows) // task.repeat]
    x, y = values[:, :half], values[:, half:]
    cosine, sine = angles[:, :half], angles[:, half:]
    turned = [x * cosine - y * sine, x * sine + y * cosine]
    return packed(shifted(np.concatenate(turned, axis=1), 30), DType.I32)


# --- Pictures -------------------------------------------------------------------------------------


def pool(task: Pool, memory: Memory) -> ByteArray:
    stored = STORED[DType(task.a_type)]
    columns = np.arange(task.channels) * stored.itemsize
    seen = np.zeros(task.pixels, np.int64)
    start = 0 if task.is_mean else np.iinfo(np.int64).min
    found = np.full((task.pixels, task.channels), start, np.int64)
    pixels = np.arange(task.first_pixel, task.first_pixel + task.pixels)
    for tap in range(task.kernel_height * task.kernel_width):
        ky, kx = divmod(tap, task.kernel_width)
        y = pixels // task.out_width * task.stride_y + ky - task.pad_top
        x = pixels % task.out_width * task.stride_x + kx - task.pad_left
        inside = (y >= 0) & (y < task.height) & (x >= 0) & (x < task.width)
        rows = (y * task.width + x)[inside] * (task.channels * stored.itemsize)
        at = task.a + rows[:, np.newaxis]
        values = numbers(memory.at(Source.ARENA, at + columns, stored)) - task.a_zero
        if task.is_mean:
            found[inside] += values
        else:
            found[inside] = np.maximum(found[inside], values)
        seen += inside
    if task.is_mean:
        divisor = task.divisor or np.maximum(seen, 1)[:, np.newaxis]
        found = (found << 12) // divisor
    else:
        found[seen == 0] = 0
    return finished(task, requantised(found, task.multiplier, task.shift))


# --- Moves ----------------------------------------------------------------------------------------


def copy(task: Copy, memory: Memory) -> ByteArray:
    stored = np.dtype(f">u{task.size}")
    strides = (task.stride_1, task.stride_2, task.stride_3, task.stride_4, task.stride_5)
    shape = (task.count, task.size_2, task.size_3, task.size_4, task.size_5)
    low = (task.low_1 - task.first, task.low_2, task.low_3, task.low_4, task.low_5)
    high = (task.high_1 - task.first, task.high_2, task.high_3, task.high_4, task.high_5)
    box = [
        slice(max(0, lo), max(0, min(hi, n))) for lo, hi, n in zip(low, high, shape, strict=True)
    ]
    fill = (task.pad_value & MASK32) & ((1 << 8 * task.size) - 1)
    out = np.full(shape, fill, stored)
    inner = [max(0, part.stop - part.start) for part in box]
    if all(inner):
        at = task.a + task.first * task.stride_1
        at += sum(part.start * stride for part, stride in zip(box, strides, strict=True))
        out[tuple(box)] = memory.tensor(task.a_source, at, stored, strides, inner)
    return np.frombuffer(out.tobytes(), np.uint8)


def gather(task: Gather, memory: Memory) -> ByteArray:
    rows = memory.row(Source.ARENA, task.indices, WORD, task.count)
    rows = np.where((rows >= 0) & (rows < task.table_rows), rows, 0)
    stored = STORED[DType(task.table_type)]
    columns = np.arange(task.length) * stored.itemsize
    addresses = task.table + rows[:, np.newaxis] * task.table_stride + columns
    values = numbers(memory.at(task.table_source, addresses, stored))
    multipliers = np.zeros(task.count, np.int64)
    if task.multipliers != NONE:
        multipliers = numbers(memory.at(Source.BLOB, task.multipliers + 4 * rows, WORD))
    scaled = requantised(values, multipliers[:, np.newaxis], task.shift)
    return packed(scaled, task.out_type)


def choose(task: Choose, memory: Memory) -> ByteArray:
    condition = int(memory.row(Source.ARENA, task.condition, WORD, 1)[0])
    at = task.a if condition > task.threshold else task.b
    found = np.zeros(task.out_size, np.uint8)
    inside = memory.arena[at : at + task.out_size]
    found[: len(inside)] = inside
    return found


KERNELS: dict[type[Task], Callable[[Any, Memory], ByteArray]] = {
    Dot: dot,
    Map: map_,
    Binary: binary,
    Softmax: softmax,
    Norm: norm,
    Quantise: quantise,
    Pool: pool,
    Reduce: reduce_,
    Copy: copy,
    Gather: gather,
    Rotate: rotate,
    Choose: choose,
}
