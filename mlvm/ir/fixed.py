"""From real numbers to integers, when a model is imported: factors, functions, tables.

The only floating point of the project that decides bits; it does so once, and what it makes becomes
part of the model.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlvm.ir.tensor import Table
from mlvm.tasks import DType

Real = NDArray[Any]
Function = Callable[[Real], Real]

#: One, in units of 2^-16: what 32-bit numbers between the operators of a transformer count.
ONE = 1 << 16
INT32_MAX = (1 << 31) - 1


def rounded(values: object) -> NDArray[np.int64]:
    """The nearest integers, halves up."""
    return np.floor(np.asarray(values, np.float64) + 0.5).astype(np.int64)


def factors(real: object, bits: int = 30) -> tuple[NDArray[np.int32], int]:
    """Multipliers and the shift that they have in common: real ≈ multipliers / 2^shift.

    The largest has ``bits`` bits. The shift is limited to what a requantisation takes, so factors
    that are tiny become 0. Raises ValueError for factors that are not finite or above 2^30.
    """
    values = np.atleast_1d(np.asarray(real, np.float64))
    largest = float(np.abs(values).max(initial=0.0))
    if not np.isfinite(largest) or largest >= 1 << 30:
        raise ValueError(f"no multiplier for a factor of {largest}")
    if largest == 0.0:
        return np.zeros(values.shape, np.int32), 0
    shift = min(bits - int(np.frexp(largest)[1]), 62)
    scaled = rounded(np.ldexp(values, shift))
    return np.clip(scaled, -INT32_MAX, INT32_MAX).astype(np.int32), shift


def factor(real: float, bits: int = 30) -> tuple[int, int]:
    """One multiplier and its shift: real ≈ multiplier / 2^shift."""
    multipliers, shift = factors([real], bits)
    return int(multipliers[0]), shift


def words(values: Real) -> NDArray[np.int32]:
    """Real numbers as words: the nearest that there are. NaN is 0."""
    finite = np.nan_to_num(values, nan=0.0, posinf=INT32_MAX, neginf=-INT32_MAX - 1)
    limited = np.clip(finite, -INT32_MAX - 1, INT32_MAX)
    return np.clip(rounded(limited), -INT32_MAX - 1, INT32_MAX).astype(np.int32)


def byte_table(
    function: Function,
    dtype: DType,
    scale: float,
    zero: int,
    out_scale: float,
    out_zero: int,
) -> Table:
    """A function of real numbers, for all numbers of an 8-bit type: from one scale and zero point
    to another. The results are limited to their type by the operator."""
    codes = np.arange(256)
    numbers = codes if dtype is DType.U8 else (codes ^ 128) - 128
    with np.errstate(all="ignore"):
        results = function((numbers - zero) * scale)
    return Table(words(results / out_scale + out_zero))


def curve(
    function: Function,
    low: float,
    high: float,
    *,
    unit: float = 1 / ONE,
    out_unit: float = 1 / ONE,
    step: int = 10,
    slope: float = 0.0,
) -> Table:
    """A function of real numbers, for numbers of 16 or 32 bits that count ``unit``, between ``low``
    and ``high``: interpolated between points 2^``step`` units apart. Below ``low`` it is what it is
    at ``low``; above ``high`` it rises by ``slope``."""
    first = int(np.floor(low / unit))
    segments = max(1, int(np.ceil((high / unit - first) / (1 << step))))
    points = first + np.arange(segments + 1, dtype=np.float64) * (1 << step)
    with np.errstate(all="ignore"):
        results = function(points * unit)
    rise = slope * unit / out_unit
    return Table(words(results / out_unit), first, step, int(rounded(rise * (1 << 16))))


@cache
def exponentials() -> NDArray[np.int32]:
    """The three tables of a softmax: e^-x in units of 2^-30, of whole numbers below 16, of 256ths,
    and of 256ths of those."""
    exponents = [np.arange(16.0), np.arange(256) / 256, np.arange(256) / 65536]
    return words(np.exp(-np.concatenate(exponents)) * (1 << 30))
