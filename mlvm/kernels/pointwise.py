"""Functions of single numbers, compiled."""

from __future__ import annotations

import numpy as np

from fpvm.jit import kernel
from mlvm.kernels.arithmetic import Int, Long, limited, shifted

ADD, MUL, MAX = 0, 1, 2


@kernel
def interpolate(values: Int, table: Int, setting: Long, out: Int) -> None:
    """``setting``: low, step, slope of a Map; the lowest and highest number of the result's
    type."""
    low, step, slope, lowest, highest = setting[0], setting[1], setting[2], setting[3], setting[4]
    segments = table.shape[0] - 1
    end = segments << step
    for index in range(values.shape[0]):
        offset = values[index] - low
        if offset < 0:
            number = np.int64(table[0])
        elif offset >= end:
            number = table[segments] + shifted((offset - end) * slope, np.int64(16))
        else:
            left = np.int64(table[offset >> step])
            rise = (table[(offset >> step) + 1] - left) * (offset & ((1 << step) - 1))
            number = left + shifted(rise, step)
        out[index] = limited(number, lowest, highest)


@kernel
def binary(a: Int, b: Int, setting: Long, out: Int) -> None:
    """``setting``: operation, zero points, multipliers of a, b and the product, shift; zero point,
    lowest and highest number of the result."""
    operation, a_zero, b_zero = setting[0], setting[1], setting[2]
    a_multiplier, b_multiplier, multiplier = setting[3], setting[4], setting[5]
    shift, zero, lowest, highest = setting[6], setting[7], setting[8], setting[9]
    for index in range(a.shape[0]):
        x, y = a[index] - a_zero, b[index] - b_zero
        if operation == MUL:
            number = x * y * multiplier
        elif operation == ADD:
            number = x * a_multiplier + y * b_multiplier
        elif operation == MAX:
            number = max(x * a_multiplier, y * b_multiplier)
        else:
            number = min(x * a_multiplier, y * b_multiplier)
        out[index] = limited(shifted(number, shift) + zero, lowest, highest)
