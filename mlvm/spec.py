"""The executable specification of tasks: what each of them writes (docs/mlvm.md, "Kernels").

In plain Python, one number at a time, to be read and to compare with; :mod:`mlvm.engine` does the
same at native speed and ``programs/mlrun`` on the VM. Everything is integer: there is no float in
here.

Every task has an effect, whatever its record says: one that is not *valid* does nothing, and what
is read outside of blob or arena is zero. Arithmetic is that of 64 bits, wrapping around; an import
sees to it that nothing wraps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Any

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

MASK64 = (1 << 64) - 1
#: A task may not cost more; see :func:`mlvm.checks.cost`.
MAX_COST = 1 << 20


@dataclass(frozen=True, slots=True)
class Operands:
    """What a task reads. Outside of them there are zeros."""

    blob: bytes
    arena: bytes

    def read(self, source: int, offset: int, size: int) -> bytes:
        data = self.arena if source == Source.ARENA else self.blob
        found = data[offset : offset + size] if 0 <= offset < len(data) else b""
        return found.ljust(size, b"\0")

    def number(self, source: int, offset: int, dtype: int) -> int:
        """The number at an offset."""
        kind = DType(dtype)
        data = self.read(source, offset & MASK32, kind.size)
        return int.from_bytes(data, "big", signed=kind is not DType.U8)

    def word(self, source: int, offset: int, size: int = 4) -> int:
        """The signed number of ``size`` bytes at an offset; 0 at none."""
        if offset == NONE:
            return 0
        return int.from_bytes(self.read(source, offset & MASK32, size), "big", signed=True)


# --- Arithmetic -----------------------------------------------------------------------------------


def wrap(number: int) -> int:
    """Modulo 2^64, signed."""
    number &= MASK64
    return number - (1 << 64) if number >> 63 else number


def shifted(number: int, shift: int) -> int:
    """number / 2^shift, rounded to the nearest, halves up; times 2^-shift, if it is negative.

    Shifts are taken to lie between -63 and 63.
    """
    shift = max(-63, min(shift, 63))
    if shift <= 0:
        return wrap(number << -shift)
    return wrap(number + (1 << (shift - 1))) >> shift


def requantised(number: int, multiplier: int, shift: int) -> int:
    """number · multiplier / 2^shift, rounded."""
    return shifted(wrap(number * multiplier), shift)


def clamped(number: int, lowest: int, highest: int) -> int:
    return max(lowest, min(number, highest))


def packed(number: int, dtype: int) -> bytes:
    """A number as it is in the arena; the nearest one that its type has."""
    kind = DType(dtype)
    number = clamped(number, kind.lowest, kind.highest)
    return number.to_bytes(kind.size, "big", signed=kind is not DType.U8)


def _output(task: Any, number: int) -> bytes:
    """The end of many tasks: zero point, limits, type."""
    number = clamped(wrap(number + task.out_zero), task.out_lowest, task.out_highest)
    return packed(number, task.out_type)


# --- Kernels --------------------------------------------------------------------------------------


def dot(task: Dot, operands: Operands) -> bytes:
    out = bytearray()
    for pixel in range(task.first_pixel, task.first_pixel + task.pixels):
        for channel in range(task.first_channel, task.first_channel + task.channels):
            total = operands.word(Source.BLOB, _at(task.bias, 8 * channel), 8)
            for a, b in _products(task, operands, pixel, channel):
                total = wrap(total + a * b)
            multiplier = operands.word(Source.BLOB, _at(task.multipliers, 4 * channel))
            shift = task.shift - _exponents(task, operands, pixel, channel)
            out += _output(task, requantised(total, multiplier, shift))
    return bytes(out)


def _at(table: int, offset: int) -> int:
    """An offset into a table, if there is one."""
    return NONE if table == NONE else (table + offset) & MASK32


def _products(task: Dot, operands: Operands, pixel: int, channel: int) -> Iterator[tuple[int, int]]:
    """What is multiplied with what, for one output."""
    a_size, b_size = DType(task.a_type).size, DType(task.b_type).size
    first = channel // task.channels_per_group * task.group_size
    weight = task.b + channel * task.b_stride
    for ky in range(task.kernel_height):
        for kx in range(task.kernel_width):
            y = pixel // task.out_width * task.stride_y + ky * task.dilation_y - task.pad_top
            x = pixel % task.out_width * task.stride_x + kx * task.dilation_x - task.pad_left
            inside = 0 <= y < task.height and 0 <= x < task.width
            at = task.a + (y * task.width + x) * task.a_stride
            for index in range(task.group_size):
                a = task.pad_value
                if inside:
                    offset = at + (first + index) * a_size
                    a = operands.number(task.a_source, offset, task.a_type)
                yield a, operands.number(task.b_source, weight, task.b_type)
                weight += b_size


def _exponents(task: Dot, operands: Operands, pixel: int, channel: int) -> int:
    """The exponents of the two rows, added up."""
    exponents = 0
    if task.a_exponents:
        exponents += operands.word(task.a_source, task.a + pixel * task.a_stride - 4)
    if task.b_exponents:
        exponents += operands.word(task.b_source, task.b + channel * task.b_stride - 4)
    return exponents


def map_(task: Map, operands: Operands) -> bytes:
    kind = DType(task.a_type)
    of = _of_byte if kind.size == 1 else _interpolated
    numbers = (
        operands.number(Source.ARENA, task.a + index * kind.size, task.a_type)
        for index in range(task.count)
    )
    return b"".join(packed(of(task, operands, number), task.out_type) for number in numbers)


def _of_byte(task: Map, operands: Operands, number: int) -> int:
    return operands.word(Source.BLOB, task.table + 4 * (number & 255))


def _interpolated(task: Map, operands: Operands, number: int) -> int:
    offset = number - task.low
    end = task.segments << task.step
    if offset < 0:
        return operands.word(Source.BLOB, task.table)
    if offset >= end:
        last = operands.word(Source.BLOB, task.table + 4 * task.segments)
        return wrap(last + shifted(wrap((offset - end) * task.slope), 16))
    at, rest = offset >> task.step, offset & ((1 << task.step) - 1)
    left, right = (operands.word(Source.BLOB, task.table + 4 * (at + i)) for i in (0, 1))
    return wrap(left + shifted(wrap((right - left) * rest), task.step))


def binary(task: Binary, operands: Operands) -> bytes:
    return b"".join(
        _output(task, _combined(task, *_pair(task, operands, index)))
        for index in range(task.first, task.first + task.count)
    )


def _pair(task: Binary, operands: Operands, index: int) -> tuple[int, int]:
    """The two numbers that output number ``index`` is made of, less their zero points."""
    index, i4 = divmod(index, task.size_4)
    index, i3 = divmod(index, task.size_3)
    i1, i2 = divmod(index, task.size_2)
    a = task.a + i1 * task.a_stride_1 + i2 * task.a_stride_2
    a += i3 * task.a_stride_3 + i4 * task.a_stride_4
    b = task.b + i1 * task.b_stride_1 + i2 * task.b_stride_2
    b += i3 * task.b_stride_3 + i4 * task.b_stride_4
    return (
        operands.number(Source.ARENA, a, task.a_type) - task.a_zero,
        operands.number(task.b_source, b, task.b_type) - task.b_zero,
    )


def _combined(task: Binary, a: int, b: int) -> int:
    if task.operation == Operation.MUL:
        return requantised(wrap(a * b), task.multiplier, task.shift)
    a, b = wrap(a * task.a_multiplier), wrap(b * task.b_multiplier)
    if task.operation == Operation.ADD:
        return shifted(wrap(a + b), task.shift)
    return shifted(max(a, b) if task.operation == Operation.MAX else min(a, b), task.shift)


def softmax(task: Softmax, operands: Operands) -> bytes:
    out = bytearray()
    for row in range(task.rows):
        numbers = _logits(task, operands, row)
        counted = [number for number in numbers if number is not None]
        highest = max(counted, default=0)
        powers = [
            0 if number is None else _exponential(task, operands, wrap(highest - number))
            for number in numbers
        ]
        total = sum(powers)
        inverse = (1 << 61) // total if total > 0 else 0
        for power in powers:
            out += packed(shifted(wrap(power * inverse), 46), task.out_type)
    return bytes(out)


def _logits(task: Softmax, operands: Operands, row: int) -> list[int | None]:
    """The numbers of a row, in units of 2^-16; None for those that do not count."""
    size = DType(task.a_type).size
    valid = task.valid + row * task.valid_step
    numbers: list[int | None] = []
    for index in range(task.length):
        number = operands.number(
            Source.ARENA, task.a + row * task.a_stride + index * size, task.a_type
        )
        is_masked = task.mask != NONE and operands.word(Source.ARENA, task.mask + 4 * index) == 0
        counts = index < valid and not is_masked
        numbers.append(requantised(number, task.multiplier, task.shift) if counts else None)
    return numbers


def _exponential(task: Softmax, operands: Operands, below: int) -> int:
    """e^(-below / 2^16), in units of 2^-30, by three tables: of whole numbers below 16, of 256ths,
    and of 256ths of those."""
    if not 0 <= below < 16 << 16:
        return 0
    whole = operands.word(Source.BLOB, task.table + 4 * (below >> 16))
    high = operands.word(Source.BLOB, task.table + 4 * (16 + (below >> 8 & 255)))
    low = operands.word(Source.BLOB, task.table + 4 * (272 + (below & 255)))
    return shifted(wrap(shifted(wrap(whole * high), 30) * low), 30)


def norm(task: Norm, operands: Operands) -> bytes:
    epsilon = task.epsilon_high << 32 | task.epsilon_low
    out = bytearray()
    for row in range(task.rows):
        at = task.a + row * task.a_stride
        numbers = [operands.word(Source.ARENA, at + 4 * index) for index in range(task.length)]
        mean = sum(numbers) // task.length if task.centred else 0
        numbers = [number - mean for number in numbers]
        # As many bits as squares may have whose sum has 64.
        drop = max(0, max(abs(number) for number in numbers).bit_length() - 20)
        numbers = [shifted(number, drop) for number in numbers]
        square = (sum(number * number for number in numbers) << 8) // task.length
        square = min(max(square + (epsilon >> 2 * drop), 1), (1 << 62) - 1)
        up = (62 - square.bit_length()) // 2
        inverse = (1 << 61) // isqrt(square << 2 * up)
        for index, number in enumerate(numbers):
            unit = shifted(wrap(number * inverse), 37 - up)
            gamma = operands.word(Source.BLOB, _at(task.gamma, 4 * index))
            beta = operands.word(Source.BLOB, _at(task.beta, 4 * index))
            out += packed(wrap(requantised(unit, gamma, task.shift) + beta), DType.I32)
    return bytes(out)


def quantise(task: Quantise, operands: Operands) -> bytes:
    out = bytearray()
    for row in range(task.rows):
        at = task.a + row * task.a_stride
        numbers = [operands.word(Source.ARENA, at + 4 * index) for index in range(task.length)]
        exponent = max(0, max(abs(number) for number in numbers).bit_length() - 15)
        out += packed(exponent, DType.I32)
        for number in numbers:
            out += packed(shifted(number, exponent), DType.I16)
        out += bytes(-len(out) % 4)
    return bytes(out)


def pool(task: Pool, operands: Operands) -> bytes:
    out = bytearray()
    for pixel in range(task.first_pixel, task.first_pixel + task.pixels):
        for channel in range(task.channels):
            window = list(_window(task, operands, pixel, channel))
            if task.is_mean:
                total = wrap(sum(window) << 12)
                number = total // (task.divisor or max(len(window), 1))
            else:
                number = max(window, default=0)
            out += _output(task, requantised(number, task.multiplier, task.shift))
    return bytes(out)


def _window(task: Pool, operands: Operands, pixel: int, channel: int) -> Iterator[int]:
    """The numbers of a channel that a window sees, less their zero point."""
    size = DType(task.a_type).size
    for ky in range(task.kernel_height):
        for kx in range(task.kernel_width):
            y = pixel // task.out_width * task.stride_y + ky - task.pad_top
            x = pixel % task.out_width * task.stride_x + kx - task.pad_left
            if 0 <= y < task.height and 0 <= x < task.width:
                at = ((y * task.width + x) * task.channels + channel) * size
                yield operands.number(Source.ARENA, task.a + at, task.a_type) - task.a_zero


def reduce_(task: Reduce, operands: Operands) -> bytes:
    out = bytearray()
    for row in range(task.rows):
        counted = [
            (index, operands.number(Source.ARENA, _cell(task, row, index), task.a_type))
            for index in range(task.length)
            if task.mask == NONE or operands.word(Source.ARENA, task.mask + 4 * index)
        ]
        out += _output(task, _reduced(task, counted))
    return bytes(out)


def _cell(task: Reduce, row: int, index: int) -> int:
    return task.a + row * task.row_stride + index * task.stride


def _reduced(task: Reduce, counted: list[tuple[int, int]]) -> int:
    if task.operation == Reduction.ARGMAX:
        return max(counted, key=lambda pair: (pair[1], -pair[0]), default=(0, 0))[0]
    numbers = [number - task.a_zero for _, number in counted]
    if task.operation == Reduction.MAX:
        return requantised(max(numbers, default=0), task.multiplier, task.shift)
    total = sum(numbers)
    if task.is_mean:
        total = wrap(total << 12) // max(len(numbers), 1)
    return requantised(total, task.multiplier, task.shift)


def copy(task: Copy, operands: Operands) -> bytes:
    pad = (task.pad_value & MASK32).to_bytes(4, "big")[-task.size :]
    strides = (task.stride_1, task.stride_2, task.stride_3, task.stride_4, task.stride_5)
    low = (task.low_1, task.low_2, task.low_3, task.low_4, task.low_5)
    high = (task.high_1, task.high_2, task.high_3, task.high_4, task.high_5)
    out = bytearray()
    for place in _places(task):
        offset = task.a + sum(i * stride for i, stride in zip(place, strides, strict=True))
        inside = all(lo <= i < hi for lo, i, hi in zip(low, place, high, strict=True))
        out += operands.read(task.a_source, offset & MASK32, task.size) if inside else pad
    return bytes(out)


def _places(task: Copy) -> Iterator[tuple[int, int, int, int, int]]:
    for i1 in range(task.first, task.first + task.count):
        for i2 in range(task.size_2):
            for i3 in range(task.size_3):
                for i4 in range(task.size_4):
                    for i5 in range(task.size_5):
                        yield i1, i2, i3, i4, i5


def gather(task: Gather, operands: Operands) -> bytes:
    size = DType(task.table_type).size
    out = bytearray()
    for index in range(task.count):
        row = operands.word(Source.ARENA, task.indices + 4 * index)
        row = row if 0 <= row < task.table_rows else 0
        multiplier = operands.word(Source.BLOB, _at(task.multipliers, 4 * row))
        at = task.table + row * task.table_stride
        for column in range(task.length):
            number = operands.number(task.table_source, at + column * size, task.table_type)
            out += packed(requantised(number, multiplier, task.shift), task.out_type)
    return bytes(out)


def rotate(task: Rotate, operands: Operands) -> bytes:
    half = task.length // 2
    out = bytearray()
    for row in range(task.rows):
        at = task.a + row * task.a_stride
        table = task.table + row // task.repeat * task.table_stride
        turned = [
            _turned(
                *(operands.word(Source.ARENA, at + 4 * (index + i * half)) for i in (0, 1)),
                *(operands.word(Source.BLOB, table + 4 * (index + i * half)) for i in (0, 1)),
            )
            for index in range(half)
        ]
        for which in (0, 1):
            out += b"".join(packed(pair[which], DType.I32) for pair in turned)
    return bytes(out)


def _turned(x: int, y: int, cosine: int, sine: int) -> tuple[int, int]:
    return (
        shifted(wrap(wrap(x * cosine) - wrap(y * sine)), 30),
        shifted(wrap(wrap(x * sine) + wrap(y * cosine)), 30),
    )


def choose(task: Choose, operands: Operands) -> bytes:
    is_first = operands.word(Source.ARENA, task.condition) > task.threshold
    return operands.read(Source.ARENA, task.a if is_first else task.b, task.out_size)


KERNELS: dict[type[Task], Callable[[Any, Operands], bytes]] = {
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
