"""Windows of pictures, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpvm.jit import kernel
from mlvm.kernels.arithmetic import Int, Long, limited, shifted


@kernel
def unfold(picture: NDArray[Any], places: Int, out: NDArray[Any]) -> None:
    """The channels of all pixels that a pixel sees, one after the other: pixels × (taps ·
    channels)."""
    pixels, taps = places.shape
    channels = picture.shape[1]
    for pixel in range(pixels):
        for tap in range(taps):
            place, at = places[pixel, tap], tap * channels
            for channel in range(channels):
                out[pixel, at + channel] = picture[place, channel]


@kernel
def pool(picture: Int, places: Int, setting: Long, out: Int) -> None:
    """``setting``: whether it is a mean, the divisor or 0, the zero point; multiplier, shift; zero
    point, lowest and highest number of the result. The last pixel of the picture is no pixel."""
    is_mean, divisor, zero = setting[0], setting[1], setting[2]
    multiplier, shift, out_zero = setting[3], setting[4], setting[5]
    lowest, highest = setting[6], setting[7]
    pixels, taps = places.shape
    outside, channels = picture.shape[0] - 1, picture.shape[1]
    found = np.empty(channels, np.int64)
    for pixel in range(pixels):
        seen = 0
        for tap in range(taps):
            place = places[pixel, tap]
            if place == outside:
                continue
            for channel in range(channels):
                number = picture[place, channel] - zero
                if seen == 0:
                    found[channel] = number
                elif is_mean:
                    found[channel] += number
                else:
                    found[channel] = max(found[channel], number)
            seen += 1
        for channel in range(channels):
            number = np.int64(0)
            if seen:
                number = found[channel]
            if is_mean:
                number = (number << 12) // (divisor if divisor else max(seen, 1))
            number = shifted(number * multiplier, shift) + out_zero
            out[pixel, channel] = limited(number, lowest, highest)
