"""Rows, compiled: softmax, norms, quantisation. Arrays are rows × numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from fpvm.jit import inlined, kernel
from mlvm.kernels.arithmetic import Int, Long, bit_length, limited, root, shifted


@inlined
def _exponential(below: Any, table: Int) -> Any:
    """e^(-below / 2^16), in units of 2^-30."""
    if below < 0 or below >= 16 << 16:
        return np.int64(0)
    whole, high = np.int64(table[below >> 16]), np.int64(table[16 + (below >> 8 & 255)])
    upper = shifted(whole * high, np.int64(30))
    return shifted(upper * np.int64(table[272 + (below & 255)]), np.int64(30))


@kernel
def softmax(values: Int, valid: Long, counts: Int, table: Int, scale: Long, out: Int) -> None:
    """``valid``: how many numbers of each row count; ``counts``: which do; ``scale``: multiplier,
    shift, and the lowest and highest number of the result's type."""
    rows, length = values.shape
    multiplier, shift, lowest, highest = scale[0], scale[1], scale[2], scale[3]
    numbers = np.empty(length, np.int64)
    for row in range(rows):
        end = min(valid[row], length)
        top: Any = np.int64(-(1 << 63))
        for index in range(end):
            numbers[index] = shifted(values[row, index] * multiplier, shift)
            if counts[index]:
                top = max(top, numbers[index])
        total = np.int64(0)
        for index in range(end):
            power = np.int64(0)
            if counts[index]:
                power = _exponential(top - numbers[index], table)
            numbers[index] = power
            total += power
        inverse = np.int64(0)
        if total > 0:
            inverse = (np.int64(1) << 61) // total
        for index in range(end):
            result = shifted(numbers[index] * inverse, np.int64(46))
            out[row, index] = limited(result, lowest, highest)
        for index in range(end, length):
            out[row, index] = 0


@kernel
def norm(values: Int, gamma: Long, beta: Long, setting: Long, out: Int) -> None:
    """``setting``: whether it is centred, epsilon, shift."""
    rows, length = values.shape
    centred, epsilon, shift = setting[0], setting[1], setting[2]
    numbers = np.empty(length, np.int64)
    for row in range(rows):
        mean = np.int64(0)
        if centred:
            for index in range(length):
                mean += values[row, index]
            mean //= length
        largest = np.int64(0)
        for index in range(length):
            numbers[index] = values[row, index] - mean
            largest = max(largest, abs(numbers[index]))
        drop = max(np.int64(0), bit_length(largest) - 20)
        square = np.int64(0)
        for index in range(length):
            numbers[index] = shifted(numbers[index], drop)
            square += numbers[index] * numbers[index]
        square = (square << 8) // length + (epsilon >> 2 * drop)
        square = limited(square, np.int64(1), np.int64((1 << 62) - 1))
        up = (62 - bit_length(square)) // 2
        inverse = (np.int64(1) << 61) // root(square << 2 * up)
        for index in range(length):
            unit = shifted(numbers[index] * inverse, 37 - up)
            number = shifted(unit * gamma[index], shift) + beta[index]
            out[row, index] = limited(number, np.int64(-(1 << 31)), np.int64((1 << 31) - 1))


@kernel
def quantise(values: Int, exponents: Int, out: Int) -> None:
    """Rows as 16 bits, and the exponent of each."""
    rows, length = values.shape
    for row in range(rows):
        largest = np.int64(0)
        for index in range(length):
            largest = max(largest, abs(np.int64(values[row, index])))
        exponent = max(np.int64(0), bit_length(largest) - 15)
        exponents[row] = exponent
        half = np.int64(0)
        if exponent:
            half = np.int64(1) << (exponent - 1)
        for index in range(length):
            out[row, index] = min((values[row, index] + half) >> exponent, np.int64((1 << 15) - 1))
