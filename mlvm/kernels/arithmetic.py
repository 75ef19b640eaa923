"""Integer arithmetic of compiled kernels, as :mod:`mlvm.spec` has it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpvm.jit import inlined

Long = NDArray[np.int64]
Int = NDArray[np.int32]


@inlined
def shifted(number: Any, shift: Any) -> Any:
    """number / 2^shift, rounded to the nearest, halves up; times 2^-shift, if it is negative."""
    shift = min(max(shift, -63), 63)
    if shift <= 0:
        return number << -shift
    return (number + (np.int64(1) << (shift - 1))) >> shift


@inlined
def limited(number: Any, lowest: Any, highest: Any) -> Any:
    return max(lowest, min(number, highest))


@inlined
def bit_length(number: Any) -> Any:
    """Of a number that is not below 0."""
    length = 0
    for step in (32, 16, 8, 4, 2, 1):
        if number >> step:
            length += step
            number >>= step
    return length + number


@inlined
def root(number: Any) -> Any:
    """The integer square root of a number below 2^62, bit by bit."""
    result = np.int64(0)
    bit = np.int64(1) << 60
    while bit:
        if number >= result + bit:
            number -= result + bit
            result = (result >> 1) + bit
        else:
            result >>= 1
        bit >>= 2
    return result
