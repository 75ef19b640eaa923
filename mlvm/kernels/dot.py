"""The inner loops of products: small convolutions, few rows, and what becomes of sums."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpvm.jit import kernel
from mlvm.kernels.arithmetic import Int, Long, limited, shifted

#: Products of 16 and 8 bits that may be summed in 32 bits.
CHUNK = 256


@kernel
def finish(
    parts: NDArray[Any],
    factors: Long,
    bias: Long,
    multipliers: Long,
    row_shifts: Long,
    column_shifts: Long,
    limits: Long,
    out: Int,
    place: Long,
) -> None:
    """Sums that are in several parts, parts × rows × columns, each to be multiplied by a factor:
    added up, requantised and limited. ``limits``: zero point, lowest, highest. ``place``: the rows
    of the sums that are to be finished, from and to, and where row and column 0 go in ``out``."""
    zero, lowest, highest = limits[0], limits[1], limits[2]
    start, stop, first_row, first_column = place[0], place[1], place[2], place[3]
    count, _, columns = parts.shape
    for row in range(start, stop):
        for index in range(columns):
            column = first_column + index
            total = bias[column]
            for part in range(count):
                total += np.int64(parts[part, row, index]) * factors[part]
            shift = row_shifts[first_row + row] + column_shifts[column]
            number = shifted(total * multipliers[column], shift) + zero
            out[first_row + row, column] = limited(number, lowest, highest)


@kernel
def depthwise(picture: NDArray[np.int16], taps: Int, weights: Int, totals: Int) -> None:
    """Of each pixel and channel, Σ picture[taps[pixel, tap], channel] · weights[tap, channel]."""
    pixels, count = taps.shape
    channels = picture.shape[1]
    for pixel in range(pixels):
        for channel in range(channels):
            totals[pixel, channel] = 0
        for tap in range(count):
            place = taps[pixel, tap]
            for channel in range(channels):
                totals[pixel, channel] += np.int32(picture[place, channel]) * weights[tap, channel]


@kernel
def products(
    a: NDArray[np.int16], blob: NDArray[np.int8], at: int, stride: int, totals: Long
) -> None:
    """Rows of a with rows of bytes ``stride`` apart in the blob."""
    rows, length = a.shape
    for column in range(totals.shape[1]):
        first = at + column * stride
        for row in range(rows):
            total = np.int64(0)
            for start in range(0, length, CHUNK):
                part = np.int32(0)
                for index in range(start, min(start + CHUNK, length)):
                    part += np.int32(a[row, index]) * np.int32(blob[first + index])
                total += part
            totals[row, column] = total
